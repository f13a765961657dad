"""A small reading model: it answers a question about a short text with a few words of that text.

It ranks the sentences by the words they share with the question (rare words count more, endings are ignored), then
takes from the best one the phrase that suits the question's kind and stands closest to the shared words. It knows no
text and no question beforehand, reads no meaning, follows no pronoun and never combines two sentences: it is often
wrong, and always in a way that one can understand.
"""

import math
import re
from collections.abc import Callable, Iterator

from demo_phrases import (
    NUMBER_WORDS,
    STOP_WORDS,
    WORD,
    Sentence,
    Span,
    Word,
    amounts,
    counts,
    names,
    phrases,
    places,
    read_sentences,
    stem,
    times,
)


def answer(prompt: str) -> str:
    """The model: a prompt (a text, then a question) to a few words of the text, or "" where there is no text."""
    text, question = split_prompt(prompt)
    asked = frozenset(content_stems(question))
    read = read_sentences(text)
    rarity = stem_rarity(read)
    ranked = sorted(read, key=lambda sentence: -shared_weight(sentence, asked, rarity))
    for find in (finder(question), phrases):
        for sentence in ranked:
            found = [new for span in find(sentence) if (new := trimmed(sentence, span, asked))]
            if found:
                return sentence.phrase(max(found, key=lambda span: closeness(sentence, span, asked, rarity)))
    return ranked[0].text if ranked else ""


def split_prompt(prompt: str) -> tuple[str, str]:
    """Text and question: what stands before and after the last "Question:", else the last line is the question."""
    text, mark, question = prompt.rpartition("Question:")
    if not mark:
        text, _, question = prompt.strip().rpartition("\n")
    return " ".join(text.split()), " ".join(question.split())


def content_stems(text: str) -> Iterator[str]:
    """The stems of the words that carry meaning."""
    return (stem(word) for word in WORD.findall(text) if word.lower() not in STOP_WORDS)


def stem_rarity(sentences: list[Sentence]) -> dict[str, float]:
    """Inverse document frequency of each stem, a sentence being a document."""
    holding: dict[str, int] = {}
    for sentence in sentences:
        for found in {word.stem for word in sentence.words}:
            holding[found] = holding.get(found, 0) + 1
    return {found: math.log(1 + len(sentences) / count) for found, count in holding.items()}


def shared_weight(sentence: Sentence, asked: frozenset[str], rarity: dict[str, float]) -> float:
    """How much of the question a sentence holds: the rarity of the stems in both, summed."""
    return math.fsum(rarity[found] for found in asked & {word.stem for word in sentence.words})


def closeness(sentence: Sentence, span: Span, asked: frozenset[str], rarity: dict[str, float]) -> float:
    """How near a phrase stands to the question's words: their rarity over the distance, summed."""
    return math.fsum(
        rarity[word.stem] / max(span.first - place, place - span.last, 1)
        for place, word in enumerate(sentence.words)
        if word.stem in asked
    )


def is_new(word: Word, asked: frozenset[str]) -> bool:
    """Whether a word says something that the question did not."""
    return word.stem not in asked and word.text.lower() not in STOP_WORDS - NUMBER_WORDS


def trimmed(sentence: Sentence, span: Span, asked: frozenset[str]) -> Span | None:
    """The span from its first new word to its last; None where it has none."""
    new = [place for place in range(span.first, span.last + 1) if is_new(sentence.words[place], asked)]
    return Span(new[0], new[-1]) if new else None


def finder(question: str) -> Callable[[Sentence], Iterator[Span]]:
    """What finds the phrases that suit the kind of a question."""
    lowered = question.lower()
    if re.match(r"((in|on) )?(what|which)\b", lowered):
        return times if re.search(r"\b(what|which) (year|month|day|season)\b", lowered) else phrases
    kinds = (("how many", counts), ("how", amounts), ("who", names), ("where", places), ("when", times))
    return next((find for word, find in kinds if re.search(rf"\b{word}\b", lowered)), phrases)
