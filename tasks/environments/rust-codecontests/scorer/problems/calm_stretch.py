"""Level 3: a window with two monotone queues.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from collections import deque

from drawing import LARGEST, lines, numbers, size

TITLE = "Calm stretch"
LEVEL = 3
STATEMENT = """
A sensor on a bridge writes down one height every second. A stretch of seconds is *calm* if its highest and
lowest height differ by at most `d`. How long is the longest calm stretch, and how many calm stretches are there
at all? (Every single second is one.)

**Input.** `n` and `d` (1 ≤ n ≤ 150,000; 0 ≤ d ≤ 10^9), then the heights `a_1 … a_n` (−10^9 ≤ a_i ≤ 10^9).

**Output.** Two numbers: the length of the longest and how many there are.
"""
SAMPLES = (("5 2\n1 3 2 5 4\n", "3 9\n"), ("3 0\n4 4 4\n", "3 6\n"))


def generate(rng, index):
    n = size(rng, index, 150_000)
    step = rng.choice((1, 5, 1000))
    height, heights = 0, []
    for _ in range(n):
        height += rng.randint(-step, step)
        heights.append(height)
    return lines((n, step * (300 if index >= LARGEST else rng.choice((0, 1, 4, 300)))), heights)


def solve(text):
    _, d, *heights = numbers(text)
    highs, lows = deque(), deque()
    left = longest = count = 0
    for right, height in enumerate(heights):
        while highs and heights[highs[-1]] <= height:
            highs.pop()
        while lows and heights[lows[-1]] >= height:
            lows.pop()
        highs.append(right)
        lows.append(right)
        while heights[highs[0]] - heights[lows[0]] > d:
            left += 1
            if highs[0] < left:
                highs.popleft()
            if lows[0] < left:
                lows.popleft()
        longest = max(longest, right - left + 1)
        count += right - left + 1
    return lines((longest, count))
