"""Frozen: what stands beside label-free pruning. Functions that take labels say so in their name.

Without pruning: a class mask, a prior fitted by EM, entropy minimisation (TENT), fine-tuning.
With pruning: compensation after Optimal Brain Surgeon, and the Taylor score.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from networks import Copy, Layer, logits, normalising_by_batch, norms
from torch import Tensor, nn

EM_STEPS = 100  # of the prior's fit; it has settled long before
TENT_STEPS, TENT_RATE = 10, 3e-3  # Adam on all of a user's images at once
TUNE_ALL_STEPS, TUNE_ALL_RATE = 15, 1e-3
TUNE_LAST_STEPS, TUNE_LAST_RATE = 25, 2e-2
DAMPING = 0.01  # of a Gram matrix, relative to its mean diagonal
BLOCK = 64  # columns that are pruned together in `compensate`


# ------------------------------------------------------------------------------------------------
# Which classes does the user have? Terms (classes,) to add to logits


def class_mask(answers: Tensor, share: float) -> Tensor:
    """Drop the classes that win on too few of the user's images; no labels.

    Args:
        answers: the dense network's logits (n, classes) for the user's unlabelled images.
        share: a class predicted less than `share` (up to 1) times as often as the commonest one
            is taken for absent.
    """
    counts = torch.bincount(answers.argmax(1), minlength=answers.shape[1])
    absent = counts < share * counts.max()
    return torch.zeros_like(answers[0]).masked_fill(absent, -torch.inf)


def em_prior(answers: Tensor) -> Tensor:
    """The log of the user's class prior over the base's uniform one, fitted by EM; no labels.

    Saerens, Latinne and Decaestecker 2002 (Neural Computation 14:21-41): with the base network's
    p(c|x), repeat π_c <- mean over x of the normalised p(c|x) π_c / π0_c.
    """
    likelihood = answers.double().softmax(1)  # p(c|x) over a uniform prior
    prior = torch.full_like(likelihood[0], 1 / likelihood.shape[1])
    for _ in range(EM_STEPS):
        joint = likelihood * prior
        prior = (joint / joint.sum(1, keepdim=True)).mean(0)
    return (prior * likelihood.shape[1]).log().clamp_min(-30).float()


def oracle_mask_with_labels(labels: Tensor, classes: int) -> Tensor:
    """Drop the classes that none of the user's images (n,) bears."""
    present = torch.bincount(labels, minlength=classes) > 0
    return torch.zeros(classes, device=labels.device).masked_fill(~present, -torch.inf)


# ------------------------------------------------------------------------------------------------
# Gradient methods on the whole network


def tent(model: nn.Module, images: Tensor) -> Copy:
    """Minimise the entropy of predictions on unlabelled images (n, c, h, w); no labels.

    TENT (Wang et al. 2021, arXiv 2006.10726): gradients reach the scales and shifts of the
    normalisations alone, whose statistics are those of the user's images.
    """
    names = [f"{name}.{kind}" for name, _ in norms(model) for kind in ("weight", "bias")]
    buffers = {
        f"{name}.{kind}": getattr(module, kind).clone()
        for name, module in norms(model)
        for kind in ("running_mean", "running_var")
    }

    def entropy(copy: Copy) -> Tensor:
        log_shares = logits(model, copy | buffers, images).log_softmax(1)
        return -(log_shares.exp() * log_shares).sum(1).mean()

    with normalising_by_batch(model):
        copy = _descend(model, names, entropy, TENT_STEPS, TENT_RATE)
        with torch.no_grad():
            entropy(copy)  # leaves the statistics under the final parameters
    return copy | buffers


def tune_with_labels(model: nn.Module, images: Tensor, labels: Tensor, *, last: bool) -> Copy:
    """Fine-tune the last layer, or everything but the statistics, on labelled images."""
    names = [name for name, _ in model.named_parameters()]
    if last:
        names = names[-2:]

    def loss(copy: Copy) -> Tensor:
        return F.cross_entropy(logits(model, copy, images), labels)

    steps, rate = (TUNE_LAST_STEPS, TUNE_LAST_RATE) if last else (TUNE_ALL_STEPS, TUNE_ALL_RATE)
    return _descend(model, names, loss, steps, rate)


def one_epoch_with_labels(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """One pass forward and back over all parameters, in one batch: the cheapest epoch there is."""
    parameters = {
        name: parameter.detach().requires_grad_() for name, parameter in model.named_parameters()
    }
    loss = F.cross_entropy(logits(model, parameters, images), labels)
    torch.autograd.grad(loss, list(parameters.values()))


def _descend(model: nn.Module, names: list[str], loss, steps: int, rate: float) -> Copy:
    """Adam on copies of the named parameters."""
    start = dict(model.named_parameters())
    leaves = {name: start[name].detach().clone().requires_grad_() for name in names}
    adam = torch.optim.Adam(leaves.values(), lr=rate)
    for _ in range(steps):
        adam.zero_grad()
        loss(leaves).backward()
        adam.step()
    return {name: leaf.detach() for name, leaf in leaves.items()}


# ------------------------------------------------------------------------------------------------
# Pruning


def taylor_with_labels(
    model: nn.Module, layers: list[Layer], images: Tensor, labels: Tensor
) -> list[Tensor]:
    """What the loss on labelled images would change if a weight went: E (w · dL/dw)², (out, in).

    Molchanov et al. 2019 (arXiv 1906.10771), with the gradient of every image for itself, all from
    one backward pass: a layer's is the product of its error signal and its input.
    """
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(layer: Layer):
        def hook(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            seen[layer.key] = (inputs[0], output)

        return hook

    handles = [layer.module.register_forward_hook(keep(layer)) for layer in layers]
    answers = logits(model, {}, images.detach().clone().requires_grad_())
    for handle in handles:
        handle.remove()
    loss = F.cross_entropy(answers, labels, reduction="sum")
    signals = torch.autograd.grad(loss, [seen[layer.key][1] for layer in layers])
    values = []
    for layer, signal in zip(layers, signals, strict=True):
        columns = layer.columns(seen[layer.key][0].detach())  # (n, in, places)
        signal = signal.reshape(len(signal), signal.shape[1], -1)  # (n, out, places)
        if signal.shape[2] == 1:  # the square of a product of two numbers
            squares = signal[..., 0].square().T @ columns[..., 0].square()
        else:
            squares = (signal @ columns.transpose(1, 2)).square().sum(0)
        values.append(layer.matrix.square() * squares / len(images))
    return values


@torch.no_grad()
def compensate(matrix: Tensor, grams: Tensor, sparsities: tuple[float, ...]) -> Tensor:
    """Prune column by column and let the later columns make up for it; no labels, no gradients.

    Optimal Brain Surgeon, row by row, in the form of SparseGPT (Frantar and Alistarh 2023, arXiv
    2301.00774): with the Gram matrix H of the layer's inputs a weight costs w² / [H⁻¹]_jj, and
    removing it changes the others by -w / [H⁻¹]_jj · H⁻¹_j. The cheapest weights of each block of
    columns go, at every sparsity.

    Args:
        matrix: (out, in) weights.
        grams: (U, in, in) mean products of inputs, one for each user.
        sparsities: S shares of weights to remove.

    Returns:
        (S, U, out, in) weights, as many zero as asked for.
    """
    columns = matrix.shape[1]
    diagonal = torch.diag_embed(grams.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
                                .expand(-1, columns))  # fmt: skip
    inverse = torch.linalg.inv(grams + DAMPING * diagonal + 1e-8 * torch.eye(columns).to(grams))
    inverse = (inverse + inverse.transpose(1, 2)) / 2
    upper = torch.linalg.cholesky(inverse).transpose(1, 2)  # (U, in, in)
    weights = matrix.expand(len(sparsities), len(grams), *matrix.shape).clone()
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        block, factor = weights[..., start:end].clone(), upper[:, start:end, start:end]
        cost = (block / factor.diagonal(dim1=1, dim2=2)[:, None]).square().flatten(2)  # (S, U, n)
        gone = torch.zeros_like(cost, dtype=torch.bool)
        for place, sparsity in enumerate(sparsities):
            before, after = (round(sparsity * len(matrix) * column) for column in (start, end))
            cheapest = cost[place].topk(after - before, largest=False).indices
            gone[place].scatter_(1, cheapest, True)
        gone = gone.view_as(block)
        errors = torch.empty_like(block)
        for j in range(end - start):
            pivot = factor[:, j, j][:, None]
            errors[..., j] = block[..., j].masked_fill(~gone[..., j], 0.0) / pivot
            block[..., j:] -= errors[..., j, None] * factor[:, None, j, j:]
            block[..., j].masked_fill_(gone[..., j], 0.0)
        weights[..., start:end] = block
        weights[..., end:] -= errors @ upper[:, start:end, end:]
    return weights
