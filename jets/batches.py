"""Batches of the jets of a file, however many it holds: a window of them is in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets, JetsFile, concatenate, require_labels

WINDOW_JETS = 50_000
SAMPLE_JETS = 20_000

Arrays = dict[str, NDArray[Any]]
"""By name, first axis the jets."""
Permutation = Callable[[int], NDArray[np.integer[Any]]]
"""n -> 0 … n - 1 in a random order."""


class StoredSplit:
    """The jets of one split of a file, in windows of about `window` jets; one if there are no more.

    A window is a set of blocks, rows that are stored together: one of every so many neighbours, so that the windows of
    a file that is sorted by class hold all classes.

    Attributes:
        mean_weight: of the jets.

    Args:
        source: where the jets are.
        split: which of them.
        by_view: count only jets that are here in all views, each once; they are read with their views one after the
            other. In a file of several windows the views of a jet must be stored next to one another.
        window: jets that are in memory at a time, all views counted.

    Raises:
        DataError: a class without jets, or no jet in all views.
        LayoutError: the file is damaged.
    """

    def __init__(self, source: JetsFile, split: str, by_view: bool = False, window: int = WINDOW_JETS) -> None:
        self.source, self.split, self.by_view, self.window = source, split, by_view, window
        self.n_views = max(1, len(source.view_names)) if by_view else 1
        self._chosen: Sequence[NDArray[np.int64]] | None = None
        self._starts = range(0, len(source), source.rows_stored_together() * self.n_views)
        if by_view and sum(map(len, self._stored(range(len(self._starts)), bare=True))) <= window:
            self._starts = range(0, len(source), len(source))
        self._survey(range(len(self._starts)))

    def _survey(self, blocks: Sequence[int]) -> None:
        """Count and weigh the jets of each of these blocks, and look whether every class has some."""
        counts, weight, seen = np.zeros(len(self._starts), np.int64), 0.0, set[int]()
        for block, jets in zip(blocks, self.read(blocks, bare=True), strict=True):
            counts[block] = len(jets)
            weight += float(jets.weights.sum(dtype=np.float64))
            seen.update(np.unique(jets.labels).tolist())
        self._counts, self.mean_weight = counts, weight / max(1, int(counts.sum()))
        require_labels(np.array(sorted(seen)), self.source.classes, f"{self.source.path} (split {self.split!r})")

    def drawn(self, n_jets: int, seed: int) -> Self:
        """So many of these jets, all views counted, or all if there are no more.

        Raises:
            DataError: none of a class is among them.
        """
        if n_jets >= self.n_jets:
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[: max(1, n_jets // self.n_views)])
        starts = np.append(0, np.cumsum(self._counts)) // self.n_views
        edges = np.searchsorted(chosen, starts)
        fewer = copy(self)
        fewer._chosen = [chosen[a:b] - start for a, b, start in zip(edges, edges[1:], starts, strict=False)]
        fewer._survey(np.flatnonzero(self._counts).tolist())
        return fewer

    def one_window(self, seed: int) -> Self:
        """The jets of a window that is drawn with the seed, or all if there are no more.

        Raises:
            DataError: none of a class is among them.
        """
        if self.n_windows == 1:
            return self
        fewer = copy(self)
        fewer._survey(next(self.windows(np.random.default_rng(seed).permutation)))
        fewer.window = fewer.n_jets
        return fewer

    def __len__(self) -> int:
        return self.n_jets // self.n_views

    @property
    def n_jets(self) -> int:
        """How many jets there are, all views counted."""
        return int(self._counts.sum())

    @property
    def n_windows(self) -> int:
        """How many windows there are."""
        return max(1, min(-(-self.n_jets // self.window), int(np.count_nonzero(self._counts))))

    def windows(self, permutation: Permutation | None = None) -> Iterator[list[int]]:
        """The blocks of each window, shuffled where there are several."""
        neighbours = self._neighbours()
        if permutation is not None and self.n_windows > 1:
            neighbours = [some[permutation(len(some))] for some in neighbours]
        for window in range(self.n_windows):
            yield [int(some[window]) for some in neighbours if window < len(some)]

    def _neighbours(self) -> list[NDArray[np.intp]]:
        """Of each of these, a window has one block."""
        blocks, n = np.flatnonzero(self._counts), self.n_windows
        return [blocks[start : start + n] for start in range(0, len(blocks), n)]

    def largest_window(self) -> int:
        """No window has more jets, each in all its views counted once."""
        return sum(int(self._counts[some].max()) for some in self._neighbours()) // self.n_views

    def read(self, blocks: Sequence[int], bare: bool = False) -> Iterator[Jets]:
        """The jets of each block, in the file's order or view by view; `bare` as in `JetsFile.blocks`."""
        for block, jets in zip(blocks, self._stored(blocks, bare), strict=True):
            by_view = self.by_view and len(jets)
            rows = jets.view_rows(self.source.path) if by_view else np.arange(len(jets))[:, None]
            yield jets[(rows if self._chosen is None else rows[self._chosen[block]]).ravel()]

    def rows(self, block: int) -> slice:
        """The rows of the file that the jets of a block are among."""
        start = self._starts[block]
        return slice(start, min(start + self._starts.step, len(self.source)))

    def _stored(self, blocks: Sequence[int], bare: bool) -> Iterator[Jets]:
        """The jets of each block, all of them in the file's order."""
        return self.source.blocks(map(self.rows, blocks), self.split, bare)

    def sample(self) -> Jets:
        """All the jets of a split of one window; of a larger one `SAMPLE_JETS`, evenly spread over the file."""
        step = 1 if self.n_windows == 1 else -(-self.n_jets // SAMPLE_JETS)
        return concatenate(list(self.read(np.flatnonzero(self._counts)[::step].tolist())))


class Batches(ABC):
    """Jets in batches, from windows of them."""

    @abstractmethod
    def __len__(self) -> int:
        """How many jets a pass has."""

    @abstractmethod
    def windows(self, permutation: Permutation | None = None) -> Iterator[Arrays]:
        """One pass, by the window; the arrays of one may be written over for the next."""

    def batches(
        self, size: int, permutation: Permutation | None = None, rank: int = 0, world: int = 1
    ) -> Iterator[Arrays]:
        """One pass in batches of `size`, the last one what is left.

        With a permutation the blocks are shuffled, and then the jets of each window; the same permutations give the
        same pass. Of `world` processes each takes every `world`-th jet of the pass.
        """
        n_before, rest = 0, dict[str, NDArray[Any]]()
        for window in self.windows(permutation):
            n = _length(window)
            order = np.arange(n) if permutation is None else permutation(n)
            mine = order[(rank - n_before) % world :: world]
            n_before += n
            for rows in np.split(mine, np.arange(size - _length(rest), len(mine), size)):
                batch = _joined(rest, {name: values[rows] for name, values in window.items()})
                rest = {} if _length(batch) == size else batch
                if not rest:
                    yield batch
        if _length(rest):
            yield rest


class StoredBatches(Batches):
    """What is learnt from the jets of a split.

    The jets of one window are kept; of several, each is read when its turn comes, into the arrays of the one before:
    memory that is freed and asked for again would end in pieces.

    Args:
        jets: the split.
        feed: jets, each in all its views, and the rows of the file that they are among -> what a batch holds of them.
    """

    def __init__(self, jets: StoredSplit, feed: Callable[[Jets, slice], Arrays]) -> None:
        self.jets, self.feed = jets, feed
        self._kept: Arrays | None = None
        self._spare: Arrays = {}

    def __len__(self) -> int:
        return len(self.jets)

    def windows(self, permutation: Permutation | None = None) -> Iterator[Arrays]:
        """One pass, by the window."""
        if self._kept is None and self.jets.n_windows == 1:
            self._kept = self._read(next(self.jets.windows()), {})
        if self._kept is not None:
            yield self._kept
            return
        place, self._spare = self._spare, {}  # another pass that begins before this one ends has its own
        try:
            for blocks in self.jets.windows(permutation):
                yield self._read(blocks, place)
        finally:
            self._spare = place

    def _read(self, blocks: Sequence[int], place: Arrays) -> Arrays:
        """What is fed of these blocks, in the arrays of `place`, which are made where there are none."""
        stop = 0
        for block, jets in zip(blocks, self.jets.read(blocks), strict=True):
            fed = self.feed(jets, self.jets.rows(block))
            start, stop = stop, stop + _length(fed)
            for name, values in fed.items():
                if name not in place:
                    place[name] = np.empty((self.jets.largest_window(), *values.shape[1:]), values.dtype)
                place[name][start:stop] = values
        return {name: values[:stop] for name, values in place.items()}


def _length(arrays: Arrays) -> int:
    return len(next(iter(arrays.values()))) if arrays else 0


def _joined(first: Arrays, second: Arrays) -> Arrays:
    return {name: np.concatenate([first[name], values]) for name, values in second.items()} if first else second
