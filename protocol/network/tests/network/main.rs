//! Whole parties on loopback sockets.

#[cfg(test)]
mod announcements;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod streams;
