"""Counts on real modules: every product by hand, nothing silently left out, nothing changed."""

import copy
import random
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from scaling_utils import counting
from scaling_utils.counting import Flops, count_flops

B, T, D = 2, 10, 64


def matmul(m, k, n):
    """FLOPs of an (m, k) by (k, n) product."""
    return 2 * m * k * n


class Calls(nn.Module):
    """A module with one 4 x 4 weight, whose forward pass is any function of it."""

    def __init__(self, function):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 4) + torch.eye(4))
        self.function = function

    def forward(self, *inputs):
        return self.function(self.weight, *inputs)


# --- fused layers -----------------------------------------------------------------------


def encoder_layer():
    return nn.TransformerEncoderLayer(D, 4, 128, batch_first=True, dropout=0.0)


def encoder_forward():
    projections = matmul(B * T, D, 4 * D)  # three in, one out
    scores = 2 * B * matmul(T, D, T)  # all heads together, queries by keys, then by values
    mlp = 2 * matmul(B * T, D, 128)
    return projections + scores + mlp


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_encoder_layer(training, backward):
    counted = count_flops(encoder_layer().train(training), torch.ones(B, T, D), backward=backward)
    assert counted.forward == encoder_forward() == 1_361_920
    # Nobody needs the gradient of the input, so queries, keys and values save one product.
    expected = 2 * encoder_forward() - matmul(B * T, D, 3 * D)
    assert counted.backward == (expected if backward else 0)


def test_encoder_with_padding_runs_on_the_padded_square():
    stack = nn.TransformerEncoder(encoder_layer(), 2).eval()
    padding = torch.zeros(B, T, dtype=torch.bool)
    padding[1, 5:] = True
    module = Calls(lambda _weight, x: stack(x, src_key_padding_mask=padding))
    assert count_flops(module, torch.ones(B, T, D), backward=False).forward == 2 * encoder_forward()


def test_multi_head_attention():
    module = nn.MultiheadAttention(D, 4, batch_first=True).eval()
    x = torch.ones(B, T, D)
    forward = matmul(B * T, D, 4 * D) + 2 * B * matmul(T, D, T)
    assert count_flops(module, x, x, x, backward=False) == Flops(forward, 0)


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_recurrent_layers(kind, gates, device):
    hidden = 32
    module = kind(D, hidden, batch_first=True, device=device)
    x = torch.ones(B, T, D, device=device)
    inside, across = matmul(B * T, D, gates * hidden), matmul(B * T, hidden, gates * hidden)
    counted = count_flops(module, x)
    assert counted.forward == inside + across
    # Weights: as forward. States: all but the first, which nobody wants a gradient of. For a
    # GRU and an RNN the first state is made with the products in it all the same.
    states = matmul(B * (T - 1), hidden, gates * hidden)
    assert counted.backward == inside + across + states
    assert count_flops(module, x, backward=False) == Flops(counted.forward, 0)


def test_recurrent_layers_two_ways_and_stacked():
    module = nn.LSTM(D, 32, num_layers=2, bidirectional=True)
    first = 2 * matmul(B * T, D + 32, 4 * 32)
    second = 2 * matmul(B * T, 2 * 32 + 32, 4 * 32)
    assert count_flops(module, torch.ones(T, B, D), backward=False).forward == first + second


@pytest.mark.parametrize("backward", [False, True])
def test_attention_of_every_kernel(backward):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    q = torch.rand(B, 4, T, 16, requires_grad=backward)
    k, v = torch.rand(B, 4, 7, 16), torch.rand(B, 4, 7, 8)
    plain = Calls(lambda w, q, k, v: F.scaled_dot_product_attention(q, k, v) * w[0, 0])
    forward = 4 * B * (matmul(T, 16, 7) + matmul(T, 7, 8))
    counted = count_flops(plain, q, k, v, backward=backward)
    # Scores, of which the queries alone want a gradient; weights, but not the values.
    assert counted == Flops(forward, forward if backward else 0)

    def own_choice(_weight, q):
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return F.scaled_dot_product_attention(q, q, q)

    square = 4 * B * 2 * matmul(T, 16, T)
    assert count_flops(Calls(own_choice), q, backward=False).forward == square
    if backward:  # it computes the scores once more, which no formula of ours covers
        with pytest.raises(NotImplementedError, match="flash_attention_for_cpu_backward"):
            count_flops(Calls(own_choice), q)


# --- products ---------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("with_input", [False, True])
def test_convolutions(groups, with_input):
    x = torch.ones(B, 4, 8, 8, requires_grad=with_input)
    # Each of 6 output channels sees 4 / groups input channels at 3 x 3 places.
    taps = 6 * (4 // groups) * 9
    module = nn.Conv2d(4, 6, 3, groups=groups, stride=2, padding=1)
    forward = 2 * B * 4 * 4 * taps
    assert count_flops(module, x) == Flops(forward, (1 + with_input) * forward)
    module = nn.ConvTranspose2d(4, 6, 3, groups=groups)
    forward = 2 * B * 8 * 8 * taps  # every place of the input meets every tap
    assert count_flops(module, x) == Flops(forward, (1 + with_input) * forward)


PRODUCTS = {
    "einsum": (lambda w: torch.einsum("ij,jk->ik", w, w), matmul(4, 4, 4)),
    "contraction": (lambda w: torch.einsum("ij,jk,kl->il", w, w, w), 2 * matmul(4, 4, 4)),
    "bmm": (lambda w: torch.bmm(w.expand(3, 4, 4), w.expand(3, 4, 4)), 3 * matmul(4, 4, 4)),
    "baddbmm": (lambda w: torch.baddbmm(w[None], w[None], w[None]), matmul(4, 4, 4)),
    "addbmm": (lambda w: torch.addbmm(w, w.expand(3, 4, 4), w.expand(3, 4, 4)), 3 * 128),
    "addmm": (lambda w: torch.addmm(w, w[:, :3], w[:3]), matmul(4, 3, 4)),
    "addmm_": (lambda w: torch.zeros(4, 4).addmm_(w, w), matmul(4, 4, 4)),
    "mv": (lambda w: torch.mv(w, w[0]), matmul(4, 4, 1)),
    "addmv": (lambda w: torch.addmv(w[0], w, w[1]), matmul(4, 4, 1)),
    "dot": (lambda w: torch.dot(w[0], w[1]), 2 * 4),
    "vdot": (lambda w: torch.vdot(w[0], w[1]), 2 * 4),
    "inner": (lambda w: torch.inner(w, w), matmul(4, 4, 4)),
    "tensordot": (lambda w: torch.tensordot(w, w, 1), matmul(4, 4, 4)),
    "power": (lambda w: torch.linalg.matrix_power(w, 3), 2 * matmul(4, 4, 4)),
    "vmap": (lambda w: torch.vmap(lambda row: w @ row)(w), matmul(4, 4, 4)),
    "half": (lambda w: w.bfloat16() @ w.bfloat16(), matmul(4, 4, 4)),
    "complex": (lambda w: w.to(torch.complex64) @ w.to(torch.complex64), 4 * matmul(4, 4, 4)),
    "outer": (lambda w: torch.outer(w[0], w[1]), 0),  # entry by entry
    "kron": (lambda w: torch.kron(w, w), 0),
    "norm": (lambda w: w / torch.linalg.norm(w), 0),
    "look-up": (lambda w: F.embedding(torch.tensor([[1, 2]]), w), 0),
    "bag": (lambda w: F.embedding_bag(torch.tensor([[1, 2]]), w), 0),
    "unfold": (lambda w: F.unfold(w[None, None], 2), 0),
    "interpolate": (lambda w: F.interpolate(w[None, None], scale_factor=2, mode="bicubic"), 0),
    "losses": (lambda w: F.cross_entropy(w, torch.arange(4)) + F.mse_loss(w, 2 * w), 0),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_by_hand(name):
    function, forward = PRODUCTS[name]
    counted = count_flops(Calls(function))
    assert counted.forward == forward
    both_want_gradients = forward and name not in ("mv", "addmv", "dot", "vdot", "half")
    if both_want_gradients:
        assert counted.backward == 2 * forward


def test_layers_without_products_count_nothing():
    layers = [nn.BatchNorm1d(4), nn.LayerNorm(4), nn.RMSNorm(4), nn.Softmax(-1), nn.Dropout(0.5)]
    layers += [nn.GELU(), nn.ReLU(), nn.SiLU(), nn.Tanh(), nn.PReLU(), nn.ELU(), nn.Softplus()]
    assert count_flops(nn.Sequential(*layers), torch.randn(8, 4)) == Flops(0, 0)
    pools = nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = torch.ones(1, 3, 8, 8, requires_grad=True)
    assert count_flops(pools, x) == Flops(0, 0)


# --- what cannot be counted -------------------------------------------------------------


@torch.library.custom_op("scaling_tests::product", mutates_args=())
def hidden_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a @ b


HIDDEN = {
    "scaling_tests.product": lambda w: hidden_product(w, w),
    "_trilinear": lambda w: F.bilinear(w, w, w[None].expand(3, 4, 4)),
    "_cdist_forward": lambda w: torch.cdist(w, w + 1),
    "_fft_r2c": lambda w: torch.fft.fft(w),
    "_linalg_solve_ex": lambda w: torch.linalg.solve(w, w),
    "linalg_inv_ex": torch.linalg.inv,
    "linalg_matrix_exp": torch.linalg.matrix_exp,
    "_linalg_svd": torch.linalg.svdvals,
    "linalg_cholesky_ex": lambda w: torch.linalg.cholesky(w @ w.T),
    "_int_mm": lambda w: torch._int_mm(*2 * [torch.ones(32, 32, dtype=torch.int8)]) * w.sum(),
    "sparse": lambda w: torch.sparse.mm(torch.eye(4).to_sparse(), w),
    "sparse_csr": lambda w: torch.eye(4).to_sparse_csr() @ w,
}


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("name", HIDDEN)
def test_what_cannot_be_counted_is_named(name):
    with pytest.raises(NotImplementedError, match=f"count_flops .*{name}"):
        count_flops(Calls(HIDDEN[name]), backward=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(
    not set(torch.backends.quantized.supported_engines) - {"none"}, reason="no quantised kernels"
)
def test_a_quantised_layer_is_named():
    from torch.ao.quantization import quantize_dynamic

    module = quantize_dynamic(nn.Sequential(nn.Linear(4, 5)), {nn.Linear})
    with pytest.raises(NotImplementedError, match=r"quantized\.linear_dynamic"):
        count_flops(module, torch.ones(3, 4), backward=False)


def test_no_operation_with_products_inside_is_free():
    from scaling_utils.counting._operations import _free_name

    names = {name.split("::")[1].split(".")[0] for name in torch._C._dispatch_get_all_op_names()}
    marks = ("mm", "conv", "linear", "attention", "rnn", "lstm", "gru", "linalg", "matmul", "fft")
    marks += ("bilinear", "encoder", "cholesky", "cdist", "pdist", "addmv", "trilinear", "einsum")
    heavy = {name for name in names if any(mark in name for mark in marks)}
    assert {"mm", "convolution", "mkldnn_rnn_layer", "_transformer_encoder_layer_fwd"} <= heavy
    free = {name for name in heavy if _free_name(name)}
    # Interpolation, gates of a recurrent cell, and entry-wise functions with such a name.
    harmless = ("upsample_", "_upsample_", "_thnn_", "linalg_cross", "linalg_diagonal")
    harmless += ("linalg_vector_norm", "cumm", "lgamma", "igamma", "digamma", "mvlgamma", "gamma")
    assert {name for name in free if not any(part in name for part in harmless)} == set()


def test_a_formula_of_the_users_own_is_used():
    from torch.utils import flop_counter

    packet = torch.ops.scaling_tests.product
    flop_counter.register_flop_formula(packet)(
        lambda a, b, *_, out_shape=None, **__: matmul(*a, b[-1])
    )
    try:
        module = Calls(HIDDEN["scaling_tests.product"])
        assert count_flops(module, backward=False) == Flops(matmul(4, 4, 4), 0)
    finally:
        del flop_counter.flop_registry[packet]


# --- ways to run a module ---------------------------------------------------------------


def mlp():
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_and_scripted_modules_are_counted_as_they_would_run():
    x = torch.ones(3, 4)
    expected = counting.mlp_flops((4, 5, 6), batch=3)
    assert count_flops(torch.compile(mlp()), x) == expected
    assert count_flops(torch.jit.script(mlp()), x) == expected
    assert count_flops(torch.jit.trace(mlp(), x), x) == expected


def test_recomputation_is_executed_and_so_it_counts():
    first, second = nn.Linear(4, 5), nn.Linear(5, 6)

    def forward(_weight, x):
        # Torch stops to recompute when all that is needed is there: before the last product.
        return checkpoint(lambda x: second(first(x).relu()), x, use_reentrant=False)

    module = Calls(forward)
    module.layers = nn.ModuleList([first, second])
    plain = counting.mlp_flops((4, 5, 6), batch=3)
    counted = count_flops(module, torch.ones(3, 4))
    assert counted == Flops(plain.forward, plain.backward + matmul(3, 4, 5))


def test_caller_may_be_in_any_grad_mode():
    expected = counting.mlp_flops((4, 5, 6), batch=3)
    module = mlp()
    with torch.no_grad():
        assert count_flops(module, torch.ones(3, 4)) == expected
    with torch.inference_mode():
        assert count_flops(module, torch.ones(3, 4)) == expected


# --- what asks for gradients ------------------------------------------------------------


def test_partly_frozen_modules_count_what_runs():
    module = mlp()
    module[0].requires_grad_(False)
    counted = count_flops(module, torch.ones(3, 4))
    assert counted.backward == matmul(3, 5, 6)  # the last weight's gradient alone
    module[0].requires_grad_(True)
    module[2].requires_grad_(False)  # its input's gradient, then the first weight's
    assert count_flops(module, torch.ones(3, 4)).backward == matmul(3, 5, 6) + matmul(3, 4, 5)


def test_frozen_modules_have_no_backward_pass():
    module = mlp().requires_grad_(False)
    with pytest.raises(ValueError, match="all of Sequential is frozen; use backward=False"):
        count_flops(module, torch.ones(3, 4))
    assert count_flops(module, torch.ones(3, 4), backward=False).backward == 0
    counted = count_flops(module, torch.ones(3, 4, requires_grad=True))
    assert counted.backward == counted.forward


def test_an_output_without_gradient_has_no_backward_pass():
    module = Calls(lambda w: (w @ w).argmax())
    with pytest.raises(ValueError, match="no output of Calls does; use backward=False"):
        count_flops(module)
    assert count_flops(module, backward=False) == Flops(matmul(4, 4, 4), 0)


@dataclass
class Answer:
    logits: torch.Tensor
    hidden: tuple
    note: str = "not a tensor"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda y: (y, None),
        lambda y: [y.argmax(), (y,)],
        lambda y: {"logits": y, "steps": 3},
        lambda y: OrderedDict(logits=y),
        lambda y: Answer(y, (y,)),
        lambda y: nn.utils.rnn.pack_sequence([y]),
    ],
)
def test_outputs_may_be_nested(wrap):
    assert count_flops(Calls(lambda w: wrap(w @ w))) == Flops(128, 256)


@pytest.mark.parametrize(
    ("module", "error", "wrong"),
    [
        ("GPT", TypeError, "module must be a torch.nn.Module, got str"),
        (torch.ones(3), TypeError, "module must be a torch.nn.Module, got Tensor"),
        (Calls(lambda w, _: "text"), TypeError, "module must return tensors, got str"),
        (Calls(lambda w, _: None), TypeError, "module must return tensors, got NoneType"),
        (nn.LazyLinear(3), ValueError, "run it once before it is counted"),
    ],
)
def test_count_flops_says_what_it_needs(module, error, wrong):
    with pytest.raises(error, match=wrong):
        count_flops(module, torch.ones(2, 4))
    if error is TypeError and not isinstance(module, nn.Module):
        with pytest.raises(TypeError, match=wrong):
            counting.count_parameters(module)


def test_nested_tensors_are_refused():
    nested = torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)], layout=torch.jagged)
    with pytest.raises(NotImplementedError, match="nested tensors"):
        count_flops(nn.Linear(4, 5), nested)


# --- nothing is changed -----------------------------------------------------------------


class Restless(nn.Module):
    """A module whose forward pass changes whatever a forward pass can change."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.linear = nn.Linear(4, 4)
        self.frozen = nn.Parameter(torch.ones(4), requires_grad=False)
        self.table = nn.Embedding(5, 4, max_norm=0.1)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("ids", torch.zeros(1).expand(3))  # repeats itself in memory
        self.count, self.cache, self.seen = 0, [], {}
        self.register_buffer("mask", None)

    def forward(self, x):
        self.count += 1
        self.new = x
        self.cache.append(x)
        self.seen[self.count] = x
        self.calls += 1
        self.mask = torch.ones(4)
        x.mul_(2 + random.random() + np.random.rand())  # noqa: NPY002
        drop = F.dropout(self.norm(x) + self.table(torch.tensor([1])), 0.5)
        return self.linear(drop * self.frozen)


def everything(module):
    return {
        "state": {name: value.clone() for name, value in module.state_dict().items()},
        "keys": sorted(module.__dict__),
        "plain": (module.count, list(module.cache), dict(module.seen), module.mask),
        "modes": [part.training for part in module.modules()],
        "wants": [p.requires_grad for p in module.parameters()],
        "grads": [None if p.grad is None else p.grad.clone() for p in module.parameters()],
        "hooks": [dict(part._forward_hooks) for part in module.modules()],
        "flags": (
            torch.backends.mha.get_fastpath_enabled(),
            torch.backends.mkldnn.enabled,
            torch.backends.cudnn.enabled,
            torch.is_grad_enabled(),
        ),
        "random": (torch.get_rng_state(), random.getstate(), str(np.random.get_state())),  # noqa: NPY002
    }


def assert_same(one, other):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_counting_changes_nothing(backward, fails):
    torch.manual_seed(3)
    module = Restless()
    module.linear.weight.grad = torch.full((4, 4), 7.0)
    module.linear.register_forward_hook(lambda *_: 1 / 0 if fails else None)
    x = torch.randn(6, 4)
    before, kept = everything(module), x.clone()
    if fails:  # in the middle of the forward pass
        with pytest.raises(ZeroDivisionError):
            count_flops(module, x, backward=backward)
    else:
        assert count_flops(module, x, backward=backward).forward == matmul(6, 4, 4)
    assert_same(before, everything(module))
    assert torch.equal(x, kept)
    assert x.grad is None


def test_a_waiting_backward_pass_still_works():
    module = nn.Linear(4, 4)
    x = torch.randn(3, 4)
    loss = module(x).square().sum()
    again = copy.deepcopy(module)
    count_flops(module, x)
    loss.backward()
    again(x).square().sum().backward()
    assert torch.equal(module.weight.grad, again.weight.grad)
