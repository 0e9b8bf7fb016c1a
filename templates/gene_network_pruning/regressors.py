"""Frozen: the experiment behind the fake paper's figure, on networks of the size that it implies.

The published panels show mean absolute error and R^2 against the share of weights pruned, one run
per point. Their counts of non-zero parameters lie on the line 11,267 (1 - share), and 576-18-44-1
has just so many. Here many such networks learn the valence of a face, each from another start and
another draw of faces, and lose their smallest weights in one go.
"""

import torch
from masks import top
from networks import Networks, adam, forward, generator
from torch import Tensor

WIDTHS = (18, 44, 1)  # with 576 inputs: 11,267 weights and biases
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the weights, pruned
FACES = {"few": 200, "many": 2000}  # to learn from
STEPS = {"few": 300, "many": 600}
BATCH = 200


def one_shot(
    inputs: Tensor, valence: Tensor, test_inputs: Tensor, seeds: list[int], draws: int
) -> dict[str, Tensor]:
    """Predicted valence of the test faces after pruning in one go, without training on.

    Args:
        inputs: (N, D).
        valence: (N,).
        test_inputs: (T, D).
        seeds: as many rows of the results.
        draws: networks for each seed, each with its own start and its own faces.

    Returns:
        For "few" and "many" faces: (S, draws, shares, T).
    """
    return {name: _train(name, inputs, valence, test_inputs, seeds, draws) for name in FACES}


def _train(
    name: str, inputs: Tensor, valence: Tensor, test_inputs: Tensor, seeds: list[int], draws: int
) -> Tensor:
    each = [seed * 1000 + draw for seed in seeds for draw in range(draws)]
    streams = [generator(seed, 6) for seed in each]
    nets = Networks.start([inputs.shape[1], *WIDTHS], each, 1).to(inputs)
    count = min(FACES[name], len(inputs))
    faces = torch.stack([torch.randperm(len(inputs), generator=g)[:count] for g in streams])
    parameters = [tensor.requires_grad_() for tensor in (*nets.weights, *nets.biases)]
    optimizer = adam(parameters, 1e-3)
    for _ in range(STEPS[name]):
        picked = torch.stack(
            [torch.randint(count, (min(BATCH, count),), generator=g) for g in streams]
        )
        rows = faces.gather(1, picked).to(inputs.device)
        predicted = forward(nets.weights, nets.biases, inputs[rows])[-1][:, 0, 0]
        optimizer.zero_grad()
        (predicted - valence[rows]).square().mean(-1).sum().backward()
        optimizer.step()
    found = []
    with torch.no_grad():
        test = test_inputs.expand(len(each), -1, -1)
        for share in SHARES:
            nets.masks = [
                top(weight[:, 0].abs(), round((1 - share) * weight[0, 0].numel()))[:, None]
                for weight in nets.weights
            ]
            found.append(forward(nets.effective(), nets.biases, test)[-1][:, 0, 0])
    return torch.stack(found, dim=1).unflatten(0, (len(seeds), draws))
