"""How each published figure is recomputed: one named function per kind of row.

Most call the package. Those marked "until" stand in for a room that does not exist yet;
when it does, they call it.
"""

import math
from statistics import fmean

from scaling_utils import counting, hardware, laws, shapes, units

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
def law_log_field(law, field):
    return math.log(reach(laws.get(law), field))


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
def effective_epochs(epochs):
    return laws.MUENNIGHOFF.effective_epochs(epochs)


@evaluator
def transferred_data(law, D_F, N):
    return laws.get(law).transferred_data(D_F, N)


@evaluator
def kaplan_compute_exponent(**alphas):
    return laws.compute_exponent(**alphas)


@evaluator
def kaplan_overfit_tokens(N):
    return laws.tokens_against_overfitting(N)


@evaluator
def kaplan_learning_rate(N):
    return laws.kaplan_learning_rate(N)


@evaluator
def kaplan_growth(growth):
    allocation = laws.KAPLAN_ALLOCATION
    return [allocation.N.factor(growth), allocation.D.factor(growth)]


@evaluator
def pf_day():
    return units.PF_DAY


@evaluator
def deepseek_product(C):
    return laws.DEEPSEEK.M.at(C) * laws.DEEPSEEK.D.at(C) / C


@evaluator
def step_law_rate(N, D):
    return laws.STEP_LAW.learning_rate(N, D)


@evaluator
def embedding_coefficient(vocabulary, aspect_ratio):
    return laws.embedding_coefficient(vocabulary, aspect_ratio)


@evaluator
def henighan_size(domain, part):
    law = reach(laws.HENIGHAN[domain], part)
    return [law.offset, law.x_c, law.alpha]


@evaluator
def henighan_compute(domain, part):
    return henighan_size(domain, part)


@evaluator
def henighan_allocation(domain, part):
    trend = reach(laws.HENIGHAN[domain], part)
    # N_opt = (C / C_0)^b is 1 at C_0.
    return [trend.coefficient ** (-1 / trend.exponent), trend.exponent]


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
def megatron_parameters(shape):
    return counting.megatron_parameters(shapes.get(shape))


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
def device_peaks(device, dtypes):
    return {dtype: hardware.get(device).peak(dtype) / 1e12 for dtype in dtypes}


@evaluator
def device_memory(device, unit):
    return hardware.get(device).memory / {"GB": units.GB, "GiB": units.GIB}[unit]


@evaluator
def device_bandwidth(device):
    return hardware.get(device).bandwidth / 1e12


@evaluator
def device_power(device):
    return hardware.get(device).power


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
def zero_gb(parameters, devices, stage, K=12):
    """Until memory: optimizer states, then gradients, then weights are divided."""
    parts = [K, 2, 2]
    return parameters / 1e9 * sum(p / devices if i < stage else p for i, p in enumerate(parts))


@evaluator
def zero_table_gb(parameters, devices):
    """Until memory."""
    return [zero_gb(psi, devices, stage) for psi in parameters for stage in (1, 2, 3)]


@evaluator
def attention_ratio(models):
    """Until memory: 5 a s / h."""
    found = [shapes.get(name) for name in models]
    return [5 * m.n_head * m.context / m.d_model for m in found]


@evaluator
def bubble_ratio(stages, micro_batches):
    """Until distributed."""
    return (stages - 1) / micro_batches


@evaluator
def bubble_fraction(stages, micro_batches):
    """Until distributed."""
    return (stages - 1) / (micro_batches + stages - 1)


@evaluator
def ring_all_reduce(ranks):
    """Until distributed."""
    return 2 * (ranks - 1) / ranks


@evaluator
def lora_parameters(n_layer, d_model, rank, matrices):
    """Until models hold LoRA: two factors of d x r for each adapted square matrix."""
    return n_layer * matrices * 2 * d_model * rank
