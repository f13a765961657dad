"""The phrases that the demo's model can answer with: sentences and words of a text, and in them counts, amounts, names,
places and times, found by their form alone.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS = _words(
    """a about after again all also an and any are as at be because been before but by can could did do does during each
    every few for from had has have he her here him his how if in into is it its just many may more most much must no
    not of on once one only or other our over own she since so some such than that the their them then there these they
    this those through till to too under until up very was we were what when where which while who whom whose why will
    with would you your"""
)
PLACE_WORDS = _words(
    """above across along at behind below beside between beyond by from in inside into near on onto opposite outside
    over to towards under"""
)
ARTICLES = _words("a an the its his her their")
NUMBER_WORDS = _words(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million dozen"""
)
MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
YEAR = r"(?:1\d|20)\d\d"
TIMES = re.compile(
    rf"\d{{1,2}} {MONTH}(?: {YEAR})?|{MONTH} {YEAR}|{MONTH}|{YEAR}|[Ss]pring|[Ss]ummer|[Aa]utumn|[Ww]inter"
    r"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|noon|midnight|dawn|dusk|sunrise|sunset|[\w-]+ o['\u2019]clock"
)
WORD = re.compile(r"[^\W_]+(?:[-'\u2019,.][^\W_]+)*")


class Word(NamedTuple):
    """A word of a sentence, with its stem and its place (`start`, `end`: characters)."""

    text: str
    stem: str
    start: int
    end: int


class Span(NamedTuple):
    """The words from `first` up to and including `last`, counted from 0."""

    first: int
    last: int


class Sentence(NamedTuple):
    """A sentence and its words; `ordinary` holds the words that the whole text also writes in lower case."""

    text: str
    words: list[Word]
    ordinary: frozenset[str]

    def phrase(self, span: Span) -> str:
        """The sentence's text over a span."""
        return self.text[self.words[span.first].start : self.words[span.last].end]


def read_sentences(text: str) -> list[Sentence]:
    """The sentences of a text, cut after a full stop, question or exclamation mark before a capital."""
    ordinary = frozenset(word for word in WORD.findall(text) if word.islower())
    return [
        Sentence(part, [Word(m[0], stem(m[0]), m.start(), m.end()) for m in WORD.finditer(part)], ordinary)
        for part in re.split(r"(?<=[a-z\d]{2}[.!?])\s+(?=[\"“A-Z\d])", text)
        if part
    ]


def stem(word: str) -> str:
    """A word in lower case without the common English endings: close enough to match "painted" with "paints"."""
    lowered = re.sub(r"['\u2019]s?$", "", word.lower())
    for ending in ("ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "ly", "s", "e", "y"):
        if lowered.endswith(ending) and len(lowered) - len(ending) >= 3:
            return re.sub(r"([b-df-hj-np-tv-z])\1$", r"\1", lowered.removesuffix(ending))
    return lowered


def counts(sentence: Sentence) -> Iterator[Span]:
    """Numbers, in digits or words: "forty-two", "three hundred"."""
    yield from runs(sentence, lambda word: all(is_number(part) for part in re.split("[-,.]", word.text.lower())))


def is_number(word: str) -> bool:
    """Whether a word, without hyphen, is a number."""
    return word.isdigit() or word in NUMBER_WORDS


def amounts(sentence: Sentence) -> Iterator[Span]:
    """Numbers with the word after them, their unit: "40 metres"."""
    for first, last in counts(sentence):
        joined = last + 1 < len(sentence.words) and gap(sentence, last) == " "
        yield Span(first, last + 1) if joined else Span(first, last)


def names(sentence: Sentence) -> Iterator[Span]:
    """Capitalised words in a row that do not stand after a word of place."""
    for span in runs(sentence, lambda word: is_name(word, sentence.ordinary)):
        before = sentence.words[span.first - 1].text.lower() if span.first else ""
        if before not in PLACE_WORDS - {"by"}:
            yield span


def is_name(word: Word, ordinary: frozenset[str]) -> bool:
    """Whether a word is capitalised, and not only because it opens a sentence."""
    lowered = word.text.lower()
    return word.text[0].isupper() and lowered not in STOP_WORDS and lowered not in ordinary


def places(sentence: Sentence) -> Iterator[Span]:
    """Phrases after a word of place."""
    for span in phrases(sentence):
        before = span.first - 1
        if before >= 0 and sentence.words[before].text.lower() in ARTICLES:
            before -= 1
        if before >= 0 and sentence.words[before].text.lower() in PLACE_WORDS:
            yield span


def times(sentence: Sentence) -> Iterator[Span]:
    """Dates, years, months, days of the week, seasons and times of day."""
    for match in TIMES.finditer(sentence.text):
        inside = [i for i, word in enumerate(sentence.words) if match.start() <= word.start < match.end()]
        if inside:
            yield Span(inside[0], inside[-1])


def phrases(sentence: Sentence) -> Iterator[Span]:
    """Words in a row between words of grammar, joined over "of"."""
    pending: Span | None = None
    for span in runs(sentence, lambda word: word.text.lower() not in STOP_WORDS | PLACE_WORDS):
        if pending and gap_words(sentence, pending.last, span.first) == ["of"]:
            pending = Span(pending.first, span.last)
            continue
        if pending:
            yield pending
        pending = span
    if pending:
        yield pending


def runs(sentence: Sentence, wanted: Callable[[Word], bool]) -> Iterator[Span]:
    """The longest rows of wanted words with nothing but a space between them."""
    first: int | None = None
    for place, word in enumerate(sentence.words):
        if not wanted(word):
            continue
        first = place if first is None else first
        last = place + 1 == len(sentence.words)
        if last or gap(sentence, place) != " " or not wanted(sentence.words[place + 1]):
            yield Span(first, place)
            first = None


def gap(sentence: Sentence, place: int) -> str:
    """The characters between a word and the next."""
    return sentence.text[sentence.words[place].end : sentence.words[place + 1].start]


def gap_words(sentence: Sentence, last: int, first: int) -> list[str]:
    """The words between two spans, in lower case."""
    return [word.text.lower() for word in sentence.words[last + 1 : first]]
