"""Frozen: faces drawn from eight parameters, seven emotions, three display-rule conditions.

A cartoon of 24x24 grey pixels: brows, eyes, nose and mouth are soft lines whose places follow eight
numbers in the manner of the Facial Action Coding System's action units (Ekman & Friesen 1978). An
emotion is a prototype of these numbers; a face is a prototype, times an intensity, blended with
another emotion, with everything jittered. A *display-rule condition* says how much of it shows:
A damps the upper face, B damps the lower face and masks the mouth in a fifth of the cases, C lies
between. That one may look at eyes and another at mouths was reported by Yuki, Maddux & Masuda
(J. Exp. Soc. Psychol. 43:303, 2007); the conditions are settings of a simulation and stand for no
people.
"""

from dataclasses import dataclass

import numpy as np

SIDE = 24  # pixels
CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # as in FER-2013
CONDITIONS = ("A", "B", "C")
PARAMETERS = ("brow raise", "inner brow", "eye opening", "squint", "nose wrinkle", "mouth curve",
              "mouth opening", "mouth width")  # fmt: skip
UPPER = slice(0, 5)  # the parameters of the upper face; the others are the mouth's

PROTOTYPES = np.array([  # one row per class, one column per parameter
    [-0.8, -0.8, 0.2, 0.5, 0.3, -0.4, 0.0, -0.2],
    [-0.4, -0.3, -0.3, 0.6, 1.0, -0.5, 0.2, 0.0],
    [0.8, 0.7, 0.9, -0.2, 0.0, -0.3, 0.5, 0.5],
    [0.1, 0.0, -0.1, 0.5, 0.1, 1.0, 0.3, 0.6],
    [0.1, 0.9, -0.4, 0.0, 0.0, -0.8, 0.0, -0.2],
    [1.0, 0.1, 1.0, -0.3, 0.0, 0.0, 1.0, -0.5],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
])  # fmt: skip
# Pleasantness, -1 to 1, at full intensity: our own round numbers, in the order of Russell's
# circumplex (J. Pers. Soc. Psychol. 39:1161, 1980).
VALENCE = np.array([-0.6, -0.7, -0.6, 0.9, -0.8, 0.2, 0.0])


@dataclass(frozen=True)
class DisplayRule:
    """How much of an emotion a condition shows."""

    upper: float  # gain on the parameters of the upper face
    lower: float  # gain on those of the mouth
    masked: float  # share of faces whose mouth is neutral or smiles, whatever is felt


RULES = {
    "A": DisplayRule(upper=0.55, lower=1.0, masked=0.0),
    "B": DisplayRule(upper=1.0, lower=0.55, masked=0.20),
    "C": DisplayRule(upper=0.75, lower=0.75, masked=0.10),
}


@dataclass(frozen=True)
class Difficulty:
    """How hard the faces are to tell apart; set once so that no network here reaches 92 %."""

    jitter: float = 0.15  # standard deviation added to every parameter
    blend: float = 0.2  # most that another emotion's prototype may weigh; uniform from 0
    noise: float = 0.07  # standard deviation of the pixels' noise, of a range of 1


@dataclass(frozen=True)
class Faces:
    """Drawn faces and what they show.

    Attributes:
        images: (N, 24, 24) uint8.
        labels: (N,) index into `CLASSES`.
        conditions: (N,) index into `CONDITIONS`.
        valence: (N,) pleasantness of what is felt, -1.1 to 1.1.
    """

    images: np.ndarray
    labels: np.ndarray
    conditions: np.ndarray
    valence: np.ndarray


def draw(per_condition: int, seed: int | list[int], difficulty: Difficulty | None = None) -> Faces:
    """Draw faces, as many of each condition, the emotions in equal shares, in random order."""
    difficulty = difficulty or Difficulty()
    rng = np.random.default_rng(seed)
    count = per_condition * len(CONDITIONS)
    order = rng.permutation(count)
    conditions = np.repeat(np.arange(len(CONDITIONS)), per_condition)[order]
    labels = np.concatenate([
        rng.permutation(np.arange(per_condition) % len(CLASSES)) for _ in CONDITIONS
    ])[order]  # fmt: skip
    intensity = rng.uniform(0.6, 1.2, count)
    felt = express(labels, conditions, intensity, difficulty, rng)
    images = render(felt, difficulty.noise, rng)
    return Faces(images, labels, conditions, VALENCE[labels] * intensity)


def express(
    labels: np.ndarray,
    conditions: np.ndarray,
    intensity: np.ndarray,
    difficulty: Difficulty,
    rng: np.random.Generator,
) -> np.ndarray:
    """Parameters (N, 8) of faces that feel `labels` and show them by their condition's rule."""
    count = len(labels)
    share = rng.uniform(0, difficulty.blend, (count, 1))
    other = PROTOTYPES[rng.integers(len(CLASSES), size=count)]
    shown = intensity[:, None] * ((1 - share) * PROTOTYPES[labels] + share * other)
    rules = [RULES[name] for name in CONDITIONS]
    shown[:, UPPER] *= np.array([rule.upper for rule in rules])[conditions, None]
    shown[:, UPPER.stop :] *= np.array([rule.lower for rule in rules])[conditions, None]
    masked = rng.random(count) < np.array([rule.masked for rule in rules])[conditions]
    mouths = PROTOTYPES[[CLASSES.index("neutral"), CLASSES.index("happy")]][:, UPPER.stop :]
    shown[masked, UPPER.stop :] = 0.7 * mouths[rng.integers(2, size=masked.sum())]
    return shown + difficulty.jitter * rng.standard_normal(shown.shape)


def render(parameters: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Images (N, 24, 24) uint8 of faces with `parameters` (N, 8), placed and lit at random."""
    count = len(parameters)
    grid = np.linspace(-1, 1, SIDE, dtype=np.float32)
    y, x = np.meshgrid(grid, grid, indexing="ij")

    def vary(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    scale = vary(0.88, 1.12)
    u = np.abs((x - vary(-0.06, 0.06)) / (scale * vary(0.9, 1.1)))  # faces are symmetric
    v = (y - vary(-0.06, 0.06)) / scale
    brow, inner, eye, squint, wrinkle, curve, opening, width = (
        column[:, None, None] for column in parameters.astype(np.float32).T
    )

    def line(height: np.ndarray, middle: float, half: np.ndarray | float) -> np.ndarray:
        """A horizontal stroke along v = height(u), where |u - middle| < half."""
        window = np.square(np.square(np.square((u - middle) / half)))
        return np.exp(-np.square((v - height) / 0.07) - window)

    at_eye = 1 - np.square((u - 0.4) / 0.2)  # arc over each eye: 1 at its middle, 0 at its corners
    lids = 0.10 * np.clip(1 + 0.7 * eye - 0.4 * squint, 0.05, None)
    half = 0.36 * np.clip(1 + 0.35 * width, 0.3, None)
    at_mouth = np.clip(1 - np.square(u / half), 0, 1)
    mouth = 0.48 - 0.20 * curve * (np.square(u / half) - 0.5)
    gap = np.clip(0.05 + 0.14 * opening, 0, None) * at_mouth
    strokes = np.stack([
        line(-0.52 - 0.14 * brow + 0.45 * inner * (u - 0.4), 0.4, 0.22),
        line(-0.22 - lids * at_eye, 0.4, 0.2),
        line(-0.22 + lids * at_eye * (1 - 0.4 * squint), 0.4, 0.2),
        np.clip(wrinkle, 0, 1.5) * 0.7 * line(0.02 + 0.25 * u, 0.0, 0.24),
        line(mouth - gap, 0.0, half),
        line(mouth + gap, 0.0, half),
    ]).max(axis=0)  # fmt: skip
    skin = 0.75 / (1 + np.exp(-(1 - np.hypot(u / 0.85, v / 1.0)) / 0.05))
    light = 1 + vary(-0.2, 0.2) * x + vary(-0.2, 0.2) * y
    image = vary(0.8, 1.0) * light * (skin * (1 - 0.8 * strokes)) + vary(-0.05, 0.05)
    image += noise * rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.clip(255 * image, 0, 255).astype(np.uint8))
