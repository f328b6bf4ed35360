"""What public planners compute for one device, from their formulas in our words.

None of their code is here: each function is written from the formulas that the planner's source
states, with its conventions, its faults included. Sizes are bytes.
"""

from __future__ import annotations

from scaling_utils.architectures import parameters
from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.size import attention_matrices, dense_matrices
from scaling_utils.memory import activations, logits, states
from scaling_utils.memory.conventions import resolve
from scaling_utils.planning.estimate import Estimate, Item, NotCovered
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.portions import layer_portion

BUCKET = 5e8  # values that DeepSpeed gathers at once
LIVE = 1e9  # values that its stage 3 keeps gathered


def cookbook(a: Architecture, layout: Layout, s: int, grouped: bool = False) -> Estimate:
    """Return what EleutherAI's calc_transformer_mem says.

    Parameters
    ----------
    a : Architecture
        The model.
    layout : Layout
        Recomputation of any kind is its ``--checkpoint-activations``.
    s : int
        Tokens of a sequence.
    grouped : bool
        Whether ``--kv-size-ratio`` is given; a configuration of Hugging Face does not set it.

    Returns
    -------
    Estimate
    """
    shape, n = a.shape, layout.devices
    h, depth, tokens = shape.d_model, shape.n_layer, s * layout.micro_batch
    ratio = shape.n_kv_head / shape.n_head if grouped else 1.0
    width = shape.d_ff if a.experts is None else a.d_expert
    mlp = (3 if shape.gated else 2) * depth * h * width
    if a.experts is not None:
        mlp *= a.experts.count / layout.expert
    count = 2 * shape.vocab * h + h * s + 8 * h * depth + 2 * h
    count += 2 * (1 + ratio) * depth * h * h + mlp
    z, split = layout.zero, layout.tensor * layout.pipeline
    weights = 2 * count / split / (n if z == 3 else 1)
    items = [
        Item("weights", weights, "2 bytes" + (", by all devices once more" if z == 3 else "")),
        Item(
            "gradients",
            4 * count / (n if z >= 2 else 1),
            "4 bytes, not divided by tensor and pipeline parallelism",
        ),
        Item("optimiser", 12 * count / (n if z >= 1 else 1), "12 bytes, divided by all devices"),
        Item("activations", 34 * tokens * h * depth, "34 s b h a layer: GELU, masks of dropout"),
    ]
    if layout.recompute == "none":
        matrix = 5 * shape.n_head * s * tokens * depth
        items.append(Item("activations", matrix, "5 a s^2 b a layer: no flash attention"))
    if z >= 1 and n > 1:
        items.append(Item("buffers", 2 * BUCKET, "a bucket of 5e8 values"))
    if z == 3 and n > 1:
        items.append(Item("buffers", 2 * LIVE, "1e9 values that stage 3 keeps gathered"))
    return Estimate(
        "cookbook",
        tuple(items),
        count / split,
        "learned positions and two LayerNorms with biases and more (8 h a layer) are added"
        + ("" if grouped else "; grouped heads are not seen"),
        "2+4+12 bytes; activations never divided; recomputation means 34 s b h",
        "EleutherAI/cookbook, calc/calc_transformer_mem.py",
    )


def megatron(a: Architecture, layout: Layout, s: int) -> Estimate:
    """Return what Megatron-LM's report of theoretical memory says.

    Parameters
    ----------
    a : Architecture
        The model.
    layout : Layout
        With sequence parallelism and selective recomputation it has a formula of its own; for
        everything else it takes the one without, and 5 % more. Stage 1 is its distributed
        optimiser.
    s : int
        Tokens of a sequence.

    Returns
    -------
    Estimate
    """
    if layout.zero > 1:
        raise NotCovered("megatron reports its distributed optimiser, stage 1, and no more")
    shape, t, p = a.shape, layout.tensor, layout.pipeline
    tokens, matrix = s * layout.micro_batch, shape.vocab * shape.d_model
    head = 0 if shape.tied else matrix
    ends = matrix + (head if p == 1 else 0)
    blocks, modules = _megatron_blocks(a)
    on_device = (blocks / p + modules + ends) / t
    rate = 6 + 12 / layout.data if layout.zero else 18.0
    share = (12 / layout.data if layout.zero else 12.0) * on_device
    items = [
        Item("weights", 2 * on_device, "2 bytes"),
        Item("gradients", 4 * on_device, "4 bytes, a buffer that is there all the time"),
        Item("optimiser", share, "12 bytes, divided by the replicas"),
    ]
    shared = layout.sequence_parallel and layout.recompute == "selective"
    items += _megatron_shared(a, layout, tokens) if shared else _megatron_plain(a, layout, tokens)
    return Estimate(
        "megatron",
        tuple(items),
        on_device,
        "matrices and norms alone: no router, biases or positions"
        + ("; experts are not divided" if a.experts else ""),
        f"{rate:g} bytes a parameter; "
        + ("18 + 4 f/h a layer, all divided by t" if shared else "10 + 24/t a layer, and 5 % more"),
        "NVIDIA/Megatron-LM, megatron/training/theoretical_memory_usage.py",
    )


def _megatron_blocks(a: Architecture) -> tuple[float, float]:
    """Parameters of the layers with the last norm, and of the modules for later tokens."""
    h, norm = a.shape.d_model, 1 if a.shape.norm == "rmsnorm" else 2
    common = attention_matrices(a) + 2 * h * norm
    if a.latent is not None:
        common += norm * ((a.latent.q_rank or 0) + a.latent.kv_rank)
    dense = last = common + dense_matrices(a)
    if a.experts is not None:
        x = a.experts
        last = common + (x.count + x.shared) * (3 if a.shape.gated else 2) * h * a.d_expert
    mixed = a.mixture_layers
    blocks = (a.shape.n_layer - mixed) * dense + mixed * last + norm * h
    return blocks, a.multi_token * last


def _flying(layout: Layout) -> float:
    """How much more or less than one model's activations the first stage holds."""
    p, v = layout.pipeline, layout.interleave
    if v > 1:
        return 1 + (p - 1) / (p * v)
    return min(1, layout.micro_batches / p) if p > 1 else 1.0


def _megatron_shared(a: Architecture, layout: Layout, tokens: int) -> list[Item]:
    h, t, p = a.shape.d_model, layout.tensor, layout.pipeline
    layers = tokens * h * (18 + 4 * a.shape.d_ff / h) * a.shape.n_layer
    inputs = (8 + h) * tokens * p
    items = [
        Item("activations", layers * _flying(layout) / t, "18 + 4 f/h a layer: no gate"),
        Item("activations", inputs * _flying(layout) / t, "ids and a mask at the embedding"),
    ]
    if p == 1:
        items.append(Item("activations", 4 * tokens * h / t, "4 bytes of the head's input"))
        items.append(Item("logits", 4 * tokens * a.shape.vocab / t, "4 bytes a logit"))
    return items


def _megatron_plain(a: Architecture, layout: Layout, tokens: int) -> list[Item]:
    h, t, p, more = a.shape.d_model, layout.tensor, layout.pipeline, 1.05
    layers = tokens * h * (10 + 24 / t) * a.shape.n_layer * _flying(layout)
    inputs = (8 + h) * tokens * p * _flying(layout)
    out = (p == 1) * 2 * tokens
    return [
        Item("activations", more * layers, "10 + 24/t a layer, as if f = 4 h; 5 % more"),
        Item("activations", more * inputs, "ids and a mask at the embedding; 5 % more"),
        Item("activations", more * out * h, "the head's input; 5 % more"),
        Item("logits", more * out * a.shape.vocab / t, "2 bytes a logit; 5 % more"),
    ]


def deepspeed(a: Architecture, layout: Layout, s: int) -> Estimate:
    """Return what DeepSpeed's estimators of model states say, without offloading.

    Parameters
    ----------
    a : Architecture
        The model.
    layout : Layout
        Of it the stage, 2 or 3, and the number of devices.
    s : int
        Is not read: there are no activations.

    Returns
    -------
    Estimate
    """
    if layout.zero not in (2, 3):
        raise NotCovered(f"deepspeed has estimators of stages 2 and 3, none of stage {layout.zero}")
    count, n, shape = float(parameters(a).total), layout.devices, a.shape
    width = shape.d_ff if a.experts is None else max(shape.d_ff, a.d_expert)
    largest = shape.d_model * max(shape.vocab, width, shape.d_attn)
    last = layout.zero == 3
    items = [
        Item("weights", 2 * count / (n if last else 1), "2 bytes" + (", divided" if last else "")),
        Item(
            "gradients",
            (4 if last else 6) * count / n,
            "4 bytes, divided" if last else "2 bytes and 4 once more, divided",
        ),
        Item("optimiser", 12 * count / n, "12 bytes, divided by all devices"),
    ]
    if last:
        items.append(Item("gathered", 4.0 * largest, "4 bytes of the largest layer"))
    return Estimate(
        "deepspeed",
        tuple(items),
        count,
        "",
        "2 + 18/n bytes at stage 2, 18/n and 4 for the largest layer at stage 3; no activations; "
        "divides by 2^30 and prints GB",
        "deepspeedai/DeepSpeed, estimate_zero2_model_states_mem_needs and the one of zero3",
    )


def accelerate(a: Architecture, layout: Layout, s: int) -> Estimate:
    """Return what Hugging Face's ``accelerate estimate-memory`` says of training with Adam.

    Parameters
    ----------
    a : Architecture
        The model.
    layout : Layout
        Of it only whether the convention is "fp32".
    s : int
        Is not read: there are no activations.

    Returns
    -------
    Estimate
    """
    counted = parameters(a)
    count = float(counted.main - counted.head)
    full = resolve(layout.convention).weights >= 4
    rates = {"weights": 4, "gradients": 4, "optimiser": 8}
    if full:
        items = [Item(part, rate * count, f"{rate} bytes") for part, rate in rates.items()]
        left = {}
    else:
        items = [Item("optimiser", 8 * count, "8 bytes: the largest part, in place of the sum")]
        left = {"weights": 4 * count, "gradients": 6 * count}
    return Estimate(
        "accelerate",
        tuple(items),
        count,
        "the model without its head",
        "fp32: 16 bytes" if full else "fp16: the largest of 4, 6 and 8 bytes, not their sum",
        "huggingface/accelerate, src/accelerate/commands/estimate.py",
        left,
    )


def by_hand(a: Architecture, layout: Layout, s: int) -> Estimate:
    """Return the sum of all parts as one writes it on paper, on a single stage.

    Parameters
    ----------
    a : Architecture
        The model.
    layout : Layout
        Without tensor, pipeline, context and expert parallelism.
    s : int
        Tokens of a sequence.

    Returns
    -------
    Estimate
    """
    if layout.devices != layout.data or layout.expert > 1 or a.experts or a.latent:
        raise NotCovered("the sum by hand is for plain models and data parallelism alone")
    count = float(parameters(a).total)
    held = states(count, layout.data, layout.zero, layout.convention)
    kept = activations(a.shape, layout.micro_batch, s, recompute=layout.recompute, statistics=False)
    out = logits(a.shape, layout.micro_batch, s)
    items = [
        Item("weights", held.weights, "as the convention says"),
        Item("gradients", held.gradients, "as the convention says, with all else at once"),
        Item("optimiser", held.optimiser, "as the convention says"),
        Item("activations", kept.per_layer * kept.layers, "8 h + 4 f values a layer, no sums"),
        Item("logits", out.stored, "2 bytes, and 4 for the loss"),
    ]
    if layout.zero == 3 and layout.data > 1:
        one = float(layer_portion(a, False, 1, 1)[0])
        rate = resolve(layout.convention).weights
        items.append(Item("gathered", rate * one, "a layer"))
    return Estimate(
        "by hand",
        tuple(items),
        count,
        "",
        f"{held.label} bytes; every part at once, at no instant",
        "counted here",
    )
