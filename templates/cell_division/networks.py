"""Frozen: N networks of one shape, trained as one batch.

Every parameter has a leading axis of N rows, row n = method · seeds + seed. A hidden layer has W
slots; `alive` (N, W) says which hold a unit. The incoming weights of a slot are a row of its own
weight matrix, the outgoing ones a column of the next, and both can be had as views on one form, be
the layer linear or a convolution: that is how inputs and weights stay aligned.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

KERNEL, POOL = 3, 2  # of the optional convolution: 3x3, then the largest of each 2x2


class Networks:
    """Networks input - [convolution] - hidden layers - output, with ReLU, as one batch.

    Attributes:
        weights: for each layer (N, out, in); the convolution's are (N, channels, 9).
        biases: for each layer (N, 1, out).
        alive: for each hidden layer (N, W), 1.0 where there is a unit, else 0.0.
        start: copies of weights and biases as they were drawn.
        before_relu: what happens to pre-activations (N, B, W) of linear layers; see peers.py.
        chance: one generator per row; rows of the same seed start alike.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        methods: int,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        *,
        channels: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        """Draw the weights: Kaiming-uniform, those of a seed the same for every method.

        Args:
            seeds: of the draws.
            methods: how many networks there are of each seed.
            inputs: numbers in an input; with a convolution they are a square image.
            hidden: slots of each linear hidden layer.
            outputs: classes, or 1.
            channels: slots of a convolution before the hidden layers; 0: there is none.
            device: where to compute.
        """
        self.seeds = len(seeds)
        self.side = round(inputs**0.5) if channels else 0
        if channels and self.side**2 != inputs:
            raise ValueError(f"{inputs} inputs are no square image, as a convolution needs")
        self.slots = [channels] * bool(channels) + list(hidden)
        first = [KERNEL**2, channels * (self.side // POOL) ** 2] if channels else [inputs]
        fan_in = [*first, *hidden]
        self.bounds = [(6 / fan) ** 0.5 for fan in fan_in[:-1]] + [(3 / fan_in[-1]) ** 0.5]
        self.device, self.dtype = torch.device(device), torch.get_default_dtype()
        self.chance = [
            torch.Generator().manual_seed(seed) for _ in range(methods) for seed in seeds
        ]
        every = torch.arange(len(self.chance))
        shapes = list(zip([*self.slots, outputs], fan_in, self.bounds, strict=True))
        self.weights = [self.uniform(every, out, fan) * bound for out, fan, bound in shapes]
        self.biases = [torch.zeros(len(every), 1, out).to(self.weights[0]) for out, _, _ in shapes]
        self.alive = [torch.ones(len(every), slots).to(self.weights[0]) for slots in self.slots]
        self.start = [parameter.clone() for parameter in self.parameters]
        self.before_relu: Callable[[Tensor], Tensor] = lambda z: z
        for parameter in self.parameters:
            parameter.requires_grad_()

    @property
    def parameters(self) -> list[Tensor]:
        """Weights, then biases."""
        return [*self.weights, *self.biases]

    def rows(self, m: int) -> Tensor:
        """The rows of method `m`, one for each seed."""
        return torch.arange(m * self.seeds, (m + 1) * self.seeds, device=self.device)

    def uniform(self, who: Tensor, *shape: int) -> Tensor:
        """Numbers (n, *shape) between -1 and 1 for rows `who`, each from the row's generator."""
        drawn = [torch.rand(shape, generator=self.chance[row]) for row in who.tolist()]
        return (2 * torch.stack(drawn) - 1).to(self.device, self.dtype)

    def normal(self, who: Tensor, *shape: int) -> Tensor:
        """The same, normal with variance 1."""
        drawn = [torch.randn(shape, generator=self.chance[row]) for row in who.tolist()]
        return torch.stack(drawn).to(self.device, self.dtype)

    def incoming(self, layer: int) -> Tensor:
        """Weights into the slots of a hidden layer (N, W, inputs), a view."""
        return self.weights[layer].detach()

    def outgoing(self, layer: int) -> Tensor:
        """Weights out of the slots of a hidden layer (N, next, W, places), a view.

        A channel of the convolution reaches the next layer from several places, a unit from one.
        """
        following = self.weights[layer + 1].detach()
        return following.view(*following.shape[:2], self.slots[layer], -1)

    def forward(self, inputs: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Outputs (N, B, outputs), pre-activations and activations of the hidden layers.

        The pre-activations are (N, B, W), a convolution's (N, B, channels, h, w); the activations
        (N, B, W), a convolution's (N, B, channels, places).

        Args:
            inputs: (N, B, D).
        """
        before: list[Tensor] = []
        after: list[Tensor] = []
        h = inputs
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer == 0 and self.side:
                z = self._convolve(h, weight, bias)
            else:
                z = torch.baddbmm(bias, h, weight.mT)
            if layer == len(self.weights) - 1:
                break
            before.append(z)
            alive = self.alive[layer]
            if z.dim() == 5:
                z = F.max_pool2d(z.flatten(0, 1), POOL).unflatten(0, z.shape[:2])
                after.append(torch.relu(z).flatten(3) * alive[:, None, :, None])
                h = after[-1].flatten(2)
            else:
                after.append(torch.relu(self.before_relu(z)) * alive[:, None])
                h = after[-1]
        return z, before, after

    def _convolve(self, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """All networks' convolutions as one in groups: (N, B, D) to (N, B, channels, h, w)."""
        count, channels = weight.shape[:2]
        planes = images.transpose(0, 1).unflatten(2, (self.side, self.side))  # (B, n, h, w)
        kernels = weight.reshape(count * channels, 1, KERNEL, KERNEL)
        maps = F.conv2d(planes, kernels, bias.flatten(), padding=KERNEL // 2, groups=count)
        return maps.unflatten(1, (count, channels)).transpose(0, 1)
