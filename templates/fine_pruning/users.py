"""Frozen: the users, what each of them sees, and which of their images are for what.

A user is a small world: some of the classes (`subset`), all classes in a handwriting or light of
their own (`style`), or both. Everyone has unlabelled images to adapt to, others to watch while
pruning, others for choices (`val`), and test images; all four come from different images, and the
base networks are trained on yet others. Test labels stay with `People`; `train` never gets them.

The published draw, done again on labels that one makes up, tells the true ones; and what classes a
user has is no secret, so an image that several users are tested on is soon narrowed down to one.
Therefore the runner draws otherwise (`MARK` in the name): each user answers for test images that
are drawn without a look at their labels, and on which of them it is scored follows from a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bonsai import kit
from bonsai.kit.keys import MARK

CONDITIONS = ("subset", "style", "both")
CLASS_COUNTS = (2, 3, 5)  # classes of a user with a subset; users take turns
BASE_IMAGES = 20_000  # at most, and at most two thirds of the training images; users get the rest
HANDED_OUT = ("pool", "answered", "val")  # what an experiment may know of who gets which images
SPARE = 1.2  # hidden test images: times what would do if every user's share of a class were equal
MOST_ANSWERED = 1000  # of them, unless there are more than a hundred classes
SPLIT_SEED = 2602  # which images the base networks get is the same for every seed


@dataclass(frozen=True)
class Sizes:
    """How many users of each condition a seed has, and how many images each of them.

    Attributes:
        users: users of each condition.
        unlabelled: images that may be adapted to; methods take the first hundred by default.
        watch: further unlabelled images, to decide when to stop.
        test: the user's own images that are scored.
        off: images that are not of the user's kind, to see what was forgotten.
        val: the user's own images for choices between methods.
        answered: test images that are answered for, if `test` and `off` are hidden among them.
    """

    users: int = 12
    unlabelled: int = 1000
    watch: int = 50
    test: int = 120
    off: int = 40
    val: int = 60
    answered: int = 0

    @property
    def tested(self) -> int:
        """Test images that a network answers for a user."""
        return self.answered or self.test + self.off

    @property
    def shown(self) -> int:
        """Images that a network answers for a user: those of the test, then val."""
        return self.tested + self.val


SMOKE = Sizes(users=1, unlabelled=40, watch=10, test=20, off=10, val=10)


@dataclass(frozen=True)
class Users:
    """The users of one seed and condition; images are (U, n, channels, height, width), 0 to 1.

    Attributes:
        condition: one of `CONDITIONS`.
        unlabelled: images to adapt to.
        labels: (U, n) theirs, for the references that are allowed labels, and for nothing else.
        watch: further unlabelled images.
        shown: test images, then val, without labels; if no key hides them, first test, then off.
    """

    condition: str
    unlabelled: Tensor
    labels: Tensor
    watch: Tensor
    shown: Tensor

    def __len__(self) -> int:
        """How many they are."""
        return len(self.unlabelled)


class People:
    """A data set as a population that users are drawn from.

    Attributes:
        name: the data set's name.
        classes: names of the classes.
        sizes: how many users, how many images.
        base_images: (B, channels, height, width) uint8, for training the base networks.
        base_labels: (B,) int64.
    """

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        parts: dict[str, tuple[np.ndarray, np.ndarray | None]],
        sizes: Sizes,
        given: Mapping[str, np.ndarray] | None = None,
        secret: int | None = None,
    ) -> None:
        """Split `parts`: images (N, h, w) or (N, c, h, w) uint8 and labels of train, val, test.

        Without test labels users cannot be drawn; then `given` says which images are whose. With a
        `secret` their test images are drawn from it.
        """
        self.name, self.classes = name, classes
        self._given, self._secret = given, secret
        images, labels = {}, {}
        for part, (pixels, of_part) in parts.items():
            images[part] = pixels if pixels.ndim == 4 else pixels[:, None]
            labels[part] = of_part
        order = np.random.default_rng(SPLIT_SEED).permutation(len(images["train"]))
        cut = min(BASE_IMAGES, 2 * len(order) // 3)
        base, pool = order[:cut], order[cut:]
        self.base_images = torch.from_numpy(images["train"][base])
        self.base_labels = torch.from_numpy(labels["train"][base])
        self._parts = images, labels
        self.sizes = sizes
        if MARK in name:
            answered = _enough(sizes, len(classes), len(images["test"]))
            self.sizes = replace(sizes, answered=answered)
        self._images = {"pool": images["train"][pool], "val": images["val"], "test": images["test"]}
        self._labels = {"pool": labels["train"][pool], "val": labels["val"], "test": labels["test"]}

    def users(self, seed: int, condition: str) -> Users:
        """The users of a seed and condition, with their images, on the kit's device."""
        sizes = self.sizes
        rows: dict[str, list[Tensor]] = {"unlabelled": [], "watch": [], "shown": []}
        labels = []
        drawn = self.draw(seed, condition)
        for user in range(sizes.users):
            chosen = {part: rows[user] for part, rows in drawn.items()}
            tested, of_style = chosen["answered"], sizes.answered or sizes.test
            pool = self._pixels("pool", chosen["pool"])
            own = torch.cat([pool, self._pixels("test", tested[:of_style]),
                             self._pixels("val", chosen["val"])])  # fmt: skip
            if condition != "subset":
                generator = torch.Generator().manual_seed(_number(seed, condition, user))
                own = restyle(own, generator, turn="Speech" not in self.name)
            pool, test, val = own.split([len(pool), of_style, sizes.val])
            off = self._pixels("test", tested[of_style:])
            rows["unlabelled"].append(pool[: sizes.unlabelled])
            rows["watch"].append(pool[sizes.unlabelled :])
            rows["shown"].append(torch.cat([test, off, val]))
            of_pool = self._labels["pool"][chosen["pool"]]
            labels.append(torch.from_numpy(of_pool[: sizes.unlabelled]))
        there = kit.device()
        stacked = {name: torch.stack(parts).to(there) for name, parts in rows.items()}
        return Users(condition=condition, labels=torch.stack(labels).to(there), **stacked)

    def truth(self, seed: int, condition: str) -> dict[str, np.ndarray]:
        """Labels (U, n) of the `test`, `off` and `val` images; for score.py and figures alone."""
        drawn = self._drawn(seed, condition)
        sources = {"test": "test", "off": "test", "val": "val"}
        return {part: self._labels[source][drawn[part]] for part, source in sources.items()}

    def columns(self, seed: int, condition: str) -> np.ndarray:
        """Where among the answers (U, shown) those for test, off and val images are: (U, n)."""
        drawn, sizes = self._drawn(seed, condition), self.sizes
        tested = np.tile(np.arange(sizes.test + sizes.off), (sizes.users, 1))
        if sizes.answered:
            scored = np.concatenate([drawn["test"], drawn["off"]], axis=1)
            order = drawn["answered"].argsort(axis=1)
            tested = np.stack([
                places[np.searchsorted(answered[places], wanted)]
                for places, answered, wanted in zip(order, drawn["answered"], scored, strict=True)
            ])  # fmt: skip
        val = np.tile(np.arange(sizes.tested, sizes.shown), (sizes.users, 1))
        return np.concatenate([tested, val], axis=1)

    def draw(self, seed: int, condition: str) -> dict[str, np.ndarray]:
        """What a user gets: indices (U, n) into the pool, the test and the validation images.

        Raises:
            kit.KitError: there are no test labels to draw by, and this was not drawn before.
        """
        if self._given is None:
            drawn = self._drawn(seed, condition)
            return {part: drawn[part] for part in HANDED_OUT}
        try:
            return {part: self._given[f"{seed}.{condition}.{part}"] for part in HANDED_OUT}
        except KeyError as error:
            raise kit.KitError(f"the users of seed {seed} were not prepared") from error

    def _drawn(self, seed: int, condition: str) -> dict[str, np.ndarray]:
        each = [self._draw(seed, condition, user) for user in range(self.sizes.users)]
        return {part: np.stack([chosen[part] for chosen in each]) for part in each[0]}

    def packed(self) -> dict[str, np.ndarray]:
        """Classes, images and labels as arrays, without the labels of the test images."""
        images, labels = self._parts
        arrays = {f"{part}.images": pixels for part, pixels in images.items()}
        arrays |= {f"{part}.labels": labels[part] for part in images if part != "test"}
        return {**arrays, "classes": np.array(self.classes)}

    def class_counts(self) -> np.ndarray:
        """How many classes each user (U,) of `subset` and `both` has."""
        return np.resize(np.minimum(CLASS_COUNTS, len(self.classes) - 1), self.sizes.users)

    def _draw(self, seed: int, condition: str, user: int) -> dict[str, np.ndarray]:
        """Which images a user gets: indices into the pool, the test and the validation images."""
        rng = np.random.default_rng([_number(seed, condition, user), 1])
        sizes, everything = self.sizes, np.arange(len(self.classes))
        own = everything
        if condition != "style":
            own = rng.choice(everything, self.class_counts()[user], replace=False)
        foreign = everything if condition == "style" else np.setdiff1d(everything, own)

        def take(
            source: str, classes: np.ndarray, count: int, among: np.ndarray | None = None
        ) -> np.ndarray:
            """As many of each class, in random order; twice the same only where there are few."""
            picked = []
            everywhere = np.arange(len(self._labels[source])) if among is None else among
            for place, label in enumerate(rng.permutation(classes)):
                of_class = everywhere[self._labels[source][everywhere] == label]
                share = (count + len(classes) - 1 - place) // len(classes)
                if not len(of_class):  # a smoke run has few images, and may lack a class
                    of_class = everywhere
                picked.append(rng.choice(of_class, share, replace=share > len(of_class)))
            return rng.permutation(np.concatenate(picked))

        pool = take("pool", own, sizes.unlabelled + sizes.watch)
        if not sizes.answered:
            test, off = take("test", own, sizes.test), take("test", foreign, sizes.off)
            val, answered = take("val", own, sizes.val), np.concatenate([test, off])
        else:
            val = take("val", own, sizes.val)
            rng = np.random.default_rng([_number(seed, condition, user), 2, self._secret])
            answered = rng.choice(len(self._labels["test"]), sizes.answered, replace=False)
            test = take("test", own, sizes.test, answered)
            off = take("test", foreign, sizes.off, answered)
        return {"pool": pool, "test": test, "off": off, "val": val, "answered": answered}

    def _pixels(self, source: str, chosen: np.ndarray) -> Tensor:
        return torch.from_numpy(self._images[source][chosen]).float() / 255


def _enough(sizes: Sizes, classes: int, test_images: int) -> int:
    """How many test images are to be answered for, so that enough of them are a user's own."""
    counts = [min(count, classes - 1) for count in CLASS_COUNTS]
    of_class = max(sizes.test / min(counts), sizes.off / (classes - max(counts)))
    return min(round(SPARE * of_class * classes), max(MOST_ANSWERED, 10 * classes), test_images)


def _number(seed: int, condition: str, user: int) -> int:
    """One whole number for each user of each seed and condition."""
    return (seed * len(CONDITIONS) + CONDITIONS.index(condition)) * 1000 + user


def restyle(images: Tensor, generator: torch.Generator, *, turn: bool = True) -> Tensor:
    """Images (n, c, h, w), 0 to 1, as one user's hand and camera would give them.

    One draw of each for all images: a turn of up to 25 degrees, strokes thicker or thinner (a mix
    with the maximum or minimum over 3x3 pixels), contrast of 60 to 100 %, and noise of a standard
    deviation up to 0.1.
    """
    angle, stroke, contrast, noise = torch.rand(4, generator=generator).tolist()
    if turn:
        radians = torch.deg2rad(torch.tensor(50 * angle - 25))
        cos, sin = float(radians.cos()), float(radians.sin())
        turning = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]]).expand(len(images), -1, -1)
        grid = F.affine_grid(turning, list(images.shape), align_corners=False)
        images = F.grid_sample(images, grid, align_corners=False)
    mix = stroke - 0.5
    sign = 1.0 if mix > 0 else -1.0
    strokes = sign * F.max_pool2d(sign * images, 3, stride=1, padding=1)
    images = images + abs(mix) * (strokes - images)
    images = images * (0.6 + 0.4 * contrast)
    return (images + 0.1 * noise * torch.randn(images.shape, generator=generator)).clamp(0, 1)
