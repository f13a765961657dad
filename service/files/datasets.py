"""Datasets -> examples, checked on the way, with file and line for what is wrong.

JSON Lines and CSV are streamed, of any size. YAML is read whole: such a file has at most 20 MB.
"""

from collections.abc import Iterator

from domain.errors import InvalidFiles
from domain.examples import LINE_BYTES, Example, encode_line
from domain.mistakes import Mistake
from domain.model_rules import Fault
from domain.rules import find_example_faults
from domain.spec import DatasetFile, InlineDataset
from service.files.csv_dataset import has_more_rows, read_csv
from service.files.harness_file import DatasetPath, HarnessFile
from service.files.jsonl import read_jsonl
from service.files.jsonl_row import to_example
from service.files.mistake_list import MistakeList
from service.files.opening import DATASET_BYTES, CantReadError, open_regular, read_regular
from service.files.reading import read_typed, with_faults

_CHUNK = 1 << 20
_STREAMED = (".jsonl", ".csv")


def read_examples(harness: HarnessFile, *, stop_at_first: bool = False) -> Iterator[Example]:
    """Give the examples of a harness in their order. No asyncio: pull it in slices from a worker thread.

    Raises InvalidFiles: with `stop_at_first` at the first wrong row, else at the end, listing the first 100 mistakes.
    Only an iterator that came to its end has been checked whole; that ids are unique shows at the end.
    """
    if isinstance(harness.spec.dataset, InlineDataset):
        yield from map(to_example, harness.spec.dataset.examples)
    elif harness.dataset:
        yield from read_dataset(harness.dataset, stop_at_first=stop_at_first)


def read_dataset(dataset: DatasetPath, *, stop_at_first: bool = False) -> Iterator[Example]:
    """Give the examples of a dataset file, as `read_examples` does."""
    try:
        match _ending(dataset):
            case ".jsonl":
                yield from read_jsonl(dataset.path, dataset.file, stop_at_first=stop_at_first)
            case ".csv":
                yield from read_csv(dataset.path, dataset.file, stop_at_first=stop_at_first)
            case _:
                yield from _read_yaml(dataset)
    except (CantReadError, OSError) as error:
        reason = str(error) if isinstance(error, CantReadError) else error.strerror
        raise InvalidFiles([Mistake(reason or "can't be read", dataset.file)]) from error


def is_longer_than(harness: HarnessFile, rows: int) -> bool:
    """Tell fast whether a dataset may have more rows: by counting lines, where these are few enough.

    YAML is small: it is read whole. What can't be read is told when it is read.
    """
    dataset = harness.dataset
    if dataset is None or _ending(dataset) not in _STREAMED:
        return False
    header = int(_ending(dataset) == ".csv")
    try:
        if _count_lines(dataset, rows + header + 1) <= rows + header:
            return False
        return not header or has_more_rows(dataset.path, rows)  # a row may fill several lines
    except (CantReadError, OSError):
        return False


def _count_lines(dataset: DatasetPath, limit: int) -> int:
    lines = 0
    last = b""
    with open_regular(dataset.path) as file:
        while lines < limit and (chunk := file.read(_CHUNK)):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return min(limit, lines + (last not in (b"", b"\n")))


def _ending(dataset: DatasetPath) -> str:
    return dataset.path.suffix.lower()


def _read_yaml(dataset: DatasetPath) -> Iterator[Example]:
    """Read the whole file in one step, then give its examples."""
    content = read_regular(dataset.path, DATASET_BYTES)
    reading = read_typed(content, dataset.file, DatasetFile)
    examples = [to_example(written) for written in reading.value.examples] if reading.value else []
    if reading.value:
        ids = (example.id for example in examples)
        reading = with_faults(reading, dataset.file, find_example_faults(ids, ("examples",)))
    if len(content) > LINE_BYTES:
        reading = with_faults(reading, dataset.file, _size_faults(examples))
    mistakes = MistakeList(dataset.file)
    mistakes.extend(reading.mistakes)
    mistakes.raise_any()
    yield from examples


def _size_faults(examples: list[Example]) -> Iterator[Fault]:
    for index, example in enumerate(examples):
        if len(encode_line(example)) > LINE_BYTES:
            yield Fault(("examples", index), f"an example holds at most {LINE_BYTES // 1_000_000} MB")
