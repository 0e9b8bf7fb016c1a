"""Frozen: what is known of the units in the slots of hidden layers, and the record of their lives.

Which of them die and divide, and how, is the subject of experiment.py.
"""

import math
from collections.abc import Sequence

import torch
from networks import Networks
from torch import Tensor

NEWBORN, NOBODY = -1, -2  # in place of a mother's slot in the record of events
SURVIVAL = -1  # in place of the age of the dead, where nobody died


class Units:
    """The units of one hidden layer in N networks: tensors (N, W)."""

    def __init__(self, alive: Tensor) -> None:
        """Units of age zero in the slots where `alive` is 1; it is the one that networks read."""
        self.alive = alive
        self.born = torch.zeros_like(alive)  # step of birth
        self.lifetime = torch.full_like(alive, math.inf)  # steps
        self.energy = torch.ones_like(alive)
        self.activity = torch.zeros_like(alive)  # running mean, from 0 at birth
        self.generation = torch.zeros_like(alive)  # divisions since the founder of the clone
        self.founder = torch.arange(alive.shape[1]).to(alive).repeat(len(alive), 1)
        self.founders = [alive.shape[1]] * len(alive)  # that each network has had so far


class Population:
    """The units of all hidden layers of N networks.

    Attributes:
        units: for each hidden layer.
        now: steps so far.
        events: (step, row, layer, slot, mother's slot, age of the dead), in order.
        births: (N,), how many so far.
        deaths: (N,), likewise.
        seen: inputs (N, B, in) of each layer in the last step.
        signals: derivative of the loss by each layer's pre-activations (N, B, out), last step.
    """

    def __init__(self, networks: Networks, adam: torch.optim.Optimizer, decay: float) -> None:
        """Take all slots of `networks` as they are; `decay` is that of the mean activity."""
        self.networks, self.adam, self.decay = networks, adam, decay
        self.units = [Units(alive) for alive in networks.alive]
        self.now = 0
        self.events: list[tuple[int, ...]] = []
        self.births, self.deaths = torch.zeros(2, len(networks.chance))
        self.seen: Sequence[Tensor] = ()
        self.signals: Sequence[Tensor] = ()

    def observe(
        self, inputs: Tensor, activations: Sequence[Tensor], signals: Sequence[Tensor]
    ) -> None:
        """Take note of one step.

        Args:
            inputs: (N, B, D).
            activations: for each hidden layer (N, B, W), or (N, B, W, places) of a convolution.
            signals: for each layer (N, B, out).
        """
        self.now += 1
        self.seen, self.signals = [inputs, *activations], signals
        for units, h in zip(self.units, activations, strict=True):
            mean = h.detach().mean(1) if h.dim() == 3 else h.detach().mean((1, 3))
            units.activity.lerp_(mean, 1 - self.decay)

    def age(self, layer: int, who: Tensor) -> Tensor:
        """Steps since birth (n, W) in rows `who`."""
        return self.now - self.units[layer].born[who]

    def activity(self, layer: int, who: Tensor) -> Tensor:
        """Mean activity (n, W) over about the last 1 / (1 - decay) steps, unbiased in the young."""
        correction: Tensor = 1 - self.decay ** self.age(layer, who).clamp(min=1)
        return self.units[layer].activity[who] / correction

    def utility(self, layer: int, who: Tensor) -> Tensor:
        """Contribution utility (n, W): mean activity times the sum of |outgoing weights|.

        That of Dohare et al. (2024), but with the weights as they are and not their running mean.
        """
        return self.activity(layer, who) * self.networks.outgoing(layer)[who].abs().sum((1, 3))

    def forget(self, layer: int, who: Tensor, slot: Tensor) -> None:
        """Let Adam begin anew with the weights of these slots: first moment 0, second as average.

        Args:
            layer: hidden layer.
            who: rows (n,).
            slot: one slot (n,) in each.

        A second moment of 0 would make the first hundreds of steps three to six times too long,
        because the correction for its start has long faded (torch counts steps per tensor).
        """
        networks = self.networks
        for parameter in (networks.weights[layer], networks.biases[layer]):
            if "exp_avg" in self.adam.state[parameter]:  # plain SGD has none
                moments = self.adam.state[parameter]
                for name, fresh in self._fresh_moments(moments, who):
                    view = moments[name] if moments[name].shape[1] > 1 else moments[name].mT
                    view[who, slot] = fresh[:, None]
        state = self.adam.state[networks.weights[layer + 1]]
        if "exp_avg" in state:
            for name, fresh in self._fresh_moments(state, who):
                moment = state[name]
                view = moment.view(*moment.shape[:2], networks.slots[layer], -1)
                view[who, :, slot] = fresh[:, None, None]

    @staticmethod
    def _fresh_moments(state: dict[str, Tensor], who: Tensor) -> list[tuple[str, Tensor]]:
        second = state["exp_avg_sq"][who].flatten(1).mean(1)
        return [("exp_avg", torch.zeros_like(second)), ("exp_avg_sq", second)]

    def record(self, layer: int, who: Tensor, slot: Tensor, mother: Tensor, age: Tensor) -> None:
        """Note what happened in slots (n,) of rows (n,).

        Args:
            layer: hidden layer.
            who: rows.
            slot: slots.
            mother: her slot, or NEWBORN, or NOBODY if nobody was born.
            age: of who died, or SURVIVAL.
        """
        numbers = (who.tolist(), slot.tolist(), mother.tolist(), age.tolist())
        for row, *rest in zip(*numbers, strict=True):
            self.events.append((self.now, row, layer, *(int(number) for number in rest)))
        self.births += torch.bincount(who[mother != NOBODY].cpu(), minlength=len(self.births))
        self.deaths += torch.bincount(who[age != SURVIVAL].cpu(), minlength=len(self.deaths))
