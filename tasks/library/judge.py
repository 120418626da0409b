"""How good an answer to a prompt is, by what the prompt itself asks for: the offline judge of `finetune-qa`.

Prompts and answers are lists of words (a full stop, a colon and a dash are words too), so that the same judge
reads made languages and English. A prompt is a task and ends in `answer :`. There are two kinds of task:

    closed    sort : d a c b answer :                          one right answer, which follows from the prompt
    open      write about a b rules : begin with a . use 4 words . answer :      many; the rules can be checked

Promises: a quality from 0 to 1 that depends on nothing but the prompt, the answer and whether it ended in time;
1 only for an answer that does all that is asked. No text, however long or odd, makes it raise.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import re

UNENDED = 0.5  # what an answer that was cut off keeps of its quality
ON_TOPIC = 2  # so many words of the question show that an answer is about it
ECHO = 3  # so many words in a row, as the prompt has them, are a copy
COMMON = frozenset(
    (
        "a about after all also an and any are as at be been but by can could did do does for from give had"
        " has have how i if in into is it its list me more most my name not of on one or other our out"
        " question should so some tell than that the their them then there these they this to up use was we"
        " were what when where which who why will with would write you your"
    ).split()
)


def words(text):
    """The words of a text, in lower case; every mark of punctuation is a word."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def quality(prompt, answer, ended):
    """The quality, from 0 to 1, of `answer`, both as words; `ended` says whether it came to an end."""
    solve = CLOSED.get(prompt[0]) if prompt else None
    grade = likeness(answer, solve(prompt)) if solve else open_quality(prompt, answer)
    return grade if ended else UNENDED * grade


def likeness(answer, wanted):
    """The share of places at which the answer has the word that is wanted there."""
    longest = max(len(answer), len(wanted))
    return sum(a == b for a, b in zip(answer, wanted)) / longest if longest else 1.0


# Closed tasks: the answer that is wanted.


def material(prompt):
    """The words between the task's colon and `answer :`."""
    begins = prompt.index(":") + 1 if ":" in prompt else len(prompt)
    return prompt[begins:-2]


def argument(prompt):
    """The word after the task's name, such as the 3 of `repeat 3 : a b answer :`."""
    return prompt[1] if len(prompt) > 1 else ""


def repeated(prompt):
    times = min(number(argument(prompt)), len(prompt))
    return material(prompt) * times


def marked(prompt):
    words = material(prompt)
    return [after for before, after in zip(words, words[1:]) if before == "*"]


def taken(prompt):
    """The third word in `take 3 : a b c d answer :`."""
    at = number(argument(prompt))
    return material(prompt)[max(0, at - 1) : at]


def recalled(prompt):
    """The value of `b` in `recall b : a = k b = d answer :`."""
    words = material(prompt)
    facts = zip(words, words[1:], words[2:])
    return [value for name, sign, value in facts if sign == "=" and name == argument(prompt)][:1]


CLOSED = {
    "reverse": lambda prompt: material(prompt)[::-1],
    "sort": lambda prompt: sorted(material(prompt)),
    "repeat": repeated,
    "pick": marked,
    "take": taken,
    "recall": recalled,
}


# Open tasks: a question, and rules that an answer keeps or breaks.


def open_quality(prompt, answer):
    """How well the rules are kept, less what is off the topic, repeated or copied from the prompt."""
    question, rules = split(prompt)
    text = " ".join(rules)
    kept = [check(answer, *found.groups()) for pattern, check in RULES for found in re.finditer(pattern, text)]
    grade = sum(kept) / len(kept) if kept else 1.0
    return grade * on_topic(question, answer) * freshness(answer) * (1 - echo(prompt, answer))


def split(prompt):
    """The question and the rules. Only what follows the last `rules :` is a rule, whatever a question says."""
    marks = [at for at in range(len(prompt) - 1) if prompt[at] == "rules" and prompt[at + 1] == ":"]
    return (prompt[: marks[-1]], prompt[marks[-1] + 2 :]) if marks else (prompt, [])


def spoken(words):
    """The words without punctuation."""
    return [word for word in words if word[:1].isalnum()]


def on_topic(question, answer):
    """Whether the answer speaks of what the question speaks of."""
    topic = set(spoken(question)) - COMMON
    return min(1.0, len(topic & set(answer)) / min(ON_TOPIC, len(topic))) if topic else 1.0


def freshness(answer):
    """The share of pairs of neighbours that do not repeat an earlier pair; 0 for an answer without a word."""
    words = spoken(answer)
    pairs = list(zip(words, words[1:]))
    return len(set(pairs)) / len(pairs) if pairs else float(bool(words))


def echo(prompt, answer):
    """The share of the answer's runs of words that the prompt has too."""
    runs = list(zip(*(answer[at:] for at in range(ECHO))))
    given = set(zip(*(prompt[at:] for at in range(ECHO))))
    return sum(run in given for run in runs) / len(runs) if runs else 0.0


def begins_with(answer, word):
    return float(spoken(answer)[:1] == [word])


def ends_with(answer, word):
    return float(spoken(answer)[-1:] == [word])


def has_length(answer, kind, count):
    """1 for a length as asked, falling to 0 at twice that or at nothing."""
    length, wanted = len(spoken(answer)), max(1, number(count))
    if (kind == "at most" and length <= wanted) or (kind == "at least" and length >= wanted):
        return 1.0
    return max(0.0, 1 - abs(length - wanted) / wanted)


def has_items(answer, count):
    """Items are what follows a dash; an item without a word is none."""
    items = sum(before == "-" and after[:1].isalnum() for before, after in zip(answer, answer[1:]))
    return max(0.0, 1 - abs(items - number(count)) / max(1, number(count)))


def number(word):
    return int(word) if re.fullmatch("[0-9]{1,4}", word) else 0


RULES = (
    (r"\bbegin with (?:the word )?(\w+)", begins_with),
    (r"\bend with (?:the word )?(\w+)", ends_with),
    (r"\bmention (?:the word )?(\w+)", lambda answer, word: float(word in answer)),
    (r"\bavoid (?:the word )?(\w+)", lambda answer, word: float(word not in answer)),
    (r"\buse (?:(at most|at least) )?(\d+) words", has_length),
    (r"\bgive (\d+) items", has_items),
)


def duel(prompt, ours, theirs):
    """1, ½ or 0: whether the first answer (words, ended) is better than, as good as or worse than the second."""
    first, second = quality(prompt, *ours), quality(prompt, *theirs)
    return (first > second) + 0.5 * (first == second)
