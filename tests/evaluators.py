"""How each published figure is recomputed: one named function per kind of row.

Most call the package. Those marked "until" stand in for a room that does not exist yet;
when it does, they call it.
"""

import math
from statistics import fmean

from scaling_utils import counting, distributed, hardware, laws, memory, shapes, units

EVALUATORS = {}


def evaluator(function):
    EVALUATORS[function.__name__] = function
    return function


def reach(thing, path: str):
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


# ---- laws ---------------------------------------------------------------------------------


@evaluator
def law_field(law, field):
    return reach(laws.get(law), field)


@evaluator
def law_loss(law, **arguments):
    return laws.get(law).loss(**arguments)


@evaluator
def law_trend(law, field, x):
    return reach(laws.get(law), field).at(x)


@evaluator
def optimal_size(law, C):
    return laws.get(law).optimal(C).N


@evaluator
def optimal_ratio(law, C):
    return laws.get(law).optimal(C).tokens_per_parameter


@evaluator
def frontier_tokens(law, N):
    return laws.get(law).optimal_for_size(N).D


def serving(law, N_reference, N_small, inference_tokens):
    law = laws.get(law)
    trained = law.optimal_for_size(N_reference)
    reference = law.allocation(trained.N, trained.D, inference_tokens)
    return reference.total_flops, law.iso_loss(trained.loss, N_small, inference_tokens).total_flops


@evaluator
def serving_saving(**arguments):
    reference, small = serving(**arguments)
    return reference - small


@evaluator
def serving_saving_share(**arguments):
    reference, small = serving(**arguments)
    return 1 - small / reference


@evaluator
def effective_epochs(law, epochs):
    return laws.get(law).effective_epochs(epochs)


@evaluator
def transferred_data(law, D_F, N):
    return laws.get(law).transferred_data(D_F, N)


@evaluator
def kaplan_compute_exponent(size, steps, batch):
    alpha_N, alpha_B = laws.get(size).alpha, laws.get(batch).alpha_B
    return laws.compute_exponent(alpha_N, laws.get(steps).alpha_S, alpha_B)


@evaluator
def kaplan_learning_rate(N):
    return laws.kaplan_learning_rate(N)


@evaluator
def kaplan_growth(law, growth):
    allocation = laws.get(law)
    return [allocation.N.factor(growth), allocation.D.factor(growth)]


@evaluator
def kaplan_crossing(compute, data, allocation):
    """The loss at which the law of data meets the law of compute, found by bisection."""
    compute, data, tokens = laws.get(compute), laws.get(data), laws.get(allocation).D
    low, high = 1.0, 1e8  # PF-days; the law of compute falls faster
    for _ in range(200):
        middle = math.sqrt(low * high)
        above = compute.loss(middle) > data.loss(tokens.at(middle))
        low, high = (middle, high) if above else (low, middle)
    return compute.loss(low)


@evaluator
def critical_batch_fall(law, growth):
    """By which share the loss has to fall for the batch to grow so: 1 - growth^(-alpha_B)."""
    return 1 - growth ** -laws.get(law).alpha_B


@evaluator
def critical_batch_slope(law):
    """Minus d log B / d log L, from two losses."""
    law = laws.get(law)
    return math.log2(law.tokens(1.0) / law.tokens(2.0))


@evaluator
def trend_at(law, x):
    return laws.get(law).at(x)


@evaluator
def pf_day():
    return units.PF_DAY


@evaluator
def deepseek_product(law, C):
    rules = laws.get(law)
    return rules.M.at(C) * rules.D.at(C) / C


@evaluator
def step_law_rate(law, N, D):
    return laws.get(law).learning_rate(N, D)


@evaluator
def embedding_coefficient(vocabulary, aspect_ratio):
    return laws.embedding_coefficient(vocabulary, aspect_ratio)


# ---- counting -----------------------------------------------------------------------------


@evaluator
def training_flops(N, D, flops_per_parameter_token=6):
    # T5 is counted at half: one half of its parameters sees each token.
    return counting.rule_flops_per_token(N) * D * flops_per_parameter_token / 6


@evaluator
def training_pf_days(**arguments):
    return training_flops(**arguments) / units.PF_DAY


@evaluator
def overtraining(N, D):
    return laws.CHINCHILLA.allocation(N, D).tokens_per_parameter / 20


@evaluator
def kaplan_parameters(shape):
    return counting.kaplan_parameters(shapes.get(shape))


@evaluator
def kaplan_forward_flops(shape):
    return counting.kaplan_flops_per_token(shapes.get(shape), backward=False)


@evaluator
def shape_parameters(**sizes):
    return counting.megatron_parameters(shapes.Transformer(**sizes))


@evaluator
def selective_overhead(shape, as_printed):
    model = shapes.get(shape)
    return 100 * counting.selective_recompute_overhead(model, as_printed)


# ---- hardware -----------------------------------------------------------------------------


@evaluator
def mfu(flops_per_second, device, dtype, count=1):
    return hardware.mfu(flops_per_second, device, dtype, count)


@evaluator
def mfu_from_hours(flops, hours, device, dtype):
    return hardware.mfu(flops / (hours * 3600), device, dtype)


@evaluator
def palm_mfu(tokens_per_second, n, device, count, attention=True, **sizes):
    # Grouped heads and the vocabulary do not enter the formula.
    shape = shapes.Transformer(d_model=18432, vocab=256000, **sizes)
    work = (
        counting.palm_flops_per_token(n, shape) if attention else counting.rule_flops_per_token(n)
    )
    return hardware.mfu(tokens_per_second * work, device, "bf16", count)


@evaluator
def design_peak_tflops(clock, fma_per_clock, cores):
    return hardware.peak_from_clock(clock, fma_per_clock, cores) / 1e12


# ---- arithmetic on printed figures --------------------------------------------------------


@evaluator
def complement(a):
    return 1 - a


@evaluator
def middle(low, high):
    """Of an interval; with half its width as tolerance, the figure lies inside."""
    return (low + high) / 2


@evaluator
def mean(scores):
    return fmean(scores)


@evaluator
def product(factors):
    return math.prod(factors)


@evaluator
def exact_match(p, length):
    return p**length


# ---- memory -------------------------------------------------------------------------------


@evaluator
def zero_gb(parameters, devices, stage):
    return memory.states(parameters, devices, stage).total / units.GB


@evaluator
def zero_table_gb(parameters, devices):
    return [zero_gb(size, devices, stage) for size in parameters for stage in (1, 2, 3)]


def selective(name):
    """A published GPT's activations with everything kept, and without scores and softmax."""
    options = {"attention": "materialised", "dropout": True, "statistics": False}
    rules = ("none", "selective")
    return [memory.activations(shapes.get(name), recompute=rule, **options) for rule in rules]


@evaluator
def attention_ratio(models):
    """What selective recomputation saves a layer, over s b h."""
    found = [(shapes.get(name), *selective(name)) for name in models]
    return [(a.per_layer - b.per_layer) / (m.context * m.d_model) for m, a, b in found]


@evaluator
def selective_saving_percent(models):
    return [100 * (1 - b.per_layer / a.per_layer) for a, b in map(selective, models)]


@evaluator
def cache_kb_per_token(latent, **sizes):
    shape = shapes.Transformer(vocab=1, context=1, **sizes)
    return memory.kv_cache(shape, tokens=1, latent=latent) / 1e3


@evaluator
def mixture_size(part, count, active, **sizes):
    """All parameters of a model whose MLPs are mixtures, or those of one token."""
    shape = shapes.Transformer(
        bias=False, norm="rmsnorm", positions="rotary", gated=True, tied=False, **sizes
    )
    size = counting.parameters(shape)
    mixture = memory.expert_parameters(shape, memory.Experts(count, active))
    return size.total - size.mlp + getattr(mixture, part)


@evaluator
def lora_parameters(n_layer, d_model, rank, matrices):
    shape = shapes.Transformer(n_layer=n_layer, d_model=d_model, n_head=1, vocab=1, context=1)
    return memory.lora_parameters(shape, rank, ("query", "value", "key", "out")[:matrices])


@evaluator
def quantisation_constant_bits(block, double):
    return 8 * memory.quantised_bytes(4, block, double) - 4


@evaluator
def states_gb(parameters, weights, gradients, master, moments):
    rule = memory.Convention(weights, gradients, master, moments)
    return memory.states(parameters, convention=rule).total / units.GB


# ---- until there is a room ----------------------------------------------------------------


@evaluator
def training_days(P, T, n, X):
    """Until planning: 8 T P / (n X); 8 = 6 + 2 for full recomputation."""
    return 8 * T * P / (n * X) / 86400


@evaluator
def energy_mwh(hours, watts, pue):
    """Until carbon."""
    return hours * watts * pue / 1e6


@evaluator
def emissions_t(hours, watts, pue, kg_per_kwh):
    """Until carbon."""
    return energy_mwh(hours, watts, pue) * kg_per_kwh


@evaluator
def bubble_ratio(stages, micro_batches):
    return float(_gpipe(stages, micro_batches).idle_of_useful)


@evaluator
def bubble_fraction(stages, micro_batches):
    return float(_gpipe(stages, micro_batches).idle_of_total)


def _gpipe(stages, micro_batches):
    """Replay all forward passes of a pipeline, then all backward ones."""
    every = [("F", m) for m in range(micro_batches)] + [("B", m) for m in range(micro_batches)]
    return distributed.replay([[(s, *step) for step in every] for s in range(stages)])


@evaluator
def ring_all_reduce(ranks):
    return distributed.ring_bytes(1, ranks)
