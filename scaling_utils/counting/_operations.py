"""What each of torch's operations costs, and which of them cost nothing by convention.

Work is that of products with a sum: one multiplication with one addition is 2 FLOPs, and 8
where the numbers are complex. What multiplies no matrices counts nothing: entry-wise
operations (the outer product of two vectors among them), views, copies, reductions, softmax,
norms, pooling, interpolation, look-ups, random numbers. An operation that is in neither list
is an error, because a count that leaves it out would be too low without a word.
"""

from __future__ import annotations

from functools import cache
from math import prod

import torch
from torch.utils import flop_counter
from torch.utils._python_dispatch import TorchDispatchMode


def _bmm(left, right) -> int:
    """Products of (..., m, k) by (..., k, n), (..., m, k) by (..., k) or (k,) by (k,)."""
    columns = right.shape[-1] if right.dim() == left.dim() > 1 else 1
    return 2 * left.numel() * columns


def _convolution(args) -> int:
    # One product per weight for each place of the output; transposed: of the input.
    inputs, weight, transposed, outputs = args
    places = inputs if transposed else outputs
    return 2 * places.shape[0] * prod(places.shape[2:]) * weight.numel()


def _convolution_backward(args, _out) -> int:
    grad, inputs, weight, transposed, wanted = *args[:3], args[7], args[10]
    # The gradients of input and weight each take the forward pass's products once more.
    return sum(map(bool, wanted[:2])) * _convolution((inputs, weight, transposed, grad))


def _attention(query, key, value) -> int:
    pairs = query.shape[:-1].numel() * key.shape[-2]  # the full square, masked or not
    return 2 * pairs * (query.shape[-1] + value.shape[-1])


# By the name in torch.ops.aten: arguments and result -> FLOPs.
_PRODUCTS = {
    "mm": lambda args, out: _bmm(*args[:2]),
    "bmm": lambda args, out: _bmm(*args[:2]),
    "mv": lambda args, out: _bmm(*args[:2]),
    "dot": lambda args, out: _bmm(*args[:2]),
    "vdot": lambda args, out: _bmm(*args[:2]),
    "addmm": lambda args, out: _bmm(*args[1:3]),
    "_addmm_activation": lambda args, out: _bmm(*args[1:3]),
    "baddbmm": lambda args, out: _bmm(*args[1:3]),
    "addbmm": lambda args, out: _bmm(*args[1:3]),
    "addmv": lambda args, out: _bmm(*args[1:3]),
    "convolution": lambda args, out: _convolution((*args[:2], args[6], out)),
    "_convolution": lambda args, out: _convolution((*args[:2], args[6], out)),
    "convolution_backward": _convolution_backward,
    "_scaled_dot_product_flash_attention_for_cpu": lambda args, out: _attention(*args[:3]),
}

# Operations of aten that multiply no matrices and that torch does not mark as entry-wise.
# Names without a leading or trailing underscore, and without "backward".
_NAMES = """
empty empty_like empty_permuted empty_strided new_empty new_empty_strided zeros zeros_like
new_zeros ones ones_like new_ones full full_like new_full arange linspace logspace eye
scalar_tensor tril_indices triu_indices lift lift_fresh fill zero one_hot
clone copy to_copy unsafe_view reshape_alias reshape contiguous detach resize set
cat stack repeat repeat_interleave roll flip rot90 tile pad constant_pad_nd
reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
replication_pad3d tril triu diag diag_embed diagonal narrow slice select split
unsafe_split split_with_sizes unsafe_split_with_sizes unsafe_chunk unbind unfold as_strided
pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im value_selecting_reduction
index index_put index_put_impl unsafe_index unsafe_index_put unsafe_masked_index
unsafe_masked_index_put_accumulate index_select index_add index_copy index_fill
index_reduce gather scatter scatter_add scatter_reduce masked_fill masked_scatter
masked_select take put nonzero embedding embedding_dense embedding_renorm embedding_bag
embedding_bag_forward_only embedding_bag_dense embedding_bag_per_sample_weights bucketize
searchsorted unique unique2 unique_dim bincount histc
sum mean prod amax amin aminmax max min argmax argmin any all std std_mean var var_mean
nansum nanmean median nanmedian mode norm linalg_vector_norm logsumexp count_nonzero
cumsum cumprod cummax cummax_helper cummin cummin_helper logcumsumexp sort topk kthvalue
softmax softmax_data log_softmax log_softmax_data safe_softmax masked_softmax
native_layer_norm native_group_norm native_batch_norm native_batch_norm_legit
native_batch_norm_legit_functional native_batch_norm_legit_no_training
batch_norm_with_update batch_norm_with_update_functional batch_norm_no_update cudnn_batch_norm
miopen_batch_norm batch_norm_impl_index fused_rms_norm rms_norm weight_norm_interface renorm
native_dropout fused_dropout dropout bernoulli rand randn rand_like randn_like randint
randint_like randperm normal uniform random exponential geometric cauchy log_normal
multinomial poisson standard_gamma sample_dirichlet rrelu_with_noise
nll_loss nll_loss_forward nll_loss2d nll_loss2d_forward mse_loss smooth_l1_loss huber_loss
binary_cross_entropy binary_cross_entropy_with_logits multi_margin_loss
multilabel_margin_loss multilabel_margin_loss_forward soft_margin_loss kl_div glu
max_pool1d max_pool2d max_pool3d max_pool2d_with_indices
max_pool3d_with_indices adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d
fractional_max_pool3d max_unpool2d max_unpool3d avg_pool1d avg_pool2d avg_pool3d
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mkldnn_max_pool2d
upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_nearest_exact1d
upsample_nearest_exact2d upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
upsample_bicubic2d upsample_trilinear3d upsample_bilinear2d_aa upsample_bicubic2d_aa
grid_sampler_2d grid_sampler_3d affine_grid_generator
thnn_fused_lstm_cell thnn_fused_lstm_cell_impl thnn_fused_gru_cell
thnn_differentiable_lstm_cell thnn_differentiable_gru_cell pack_padded_sequence
outer ger addr prelu prelu_kernel where addcmul addcdiv complex polar view_as_real
view_as_complex real imag conj conj_physical resolve_conj resolve_neg
local_scalar_dense nested_tensor_from_mask is_any_true is_all_true assert_async
functional_assert_async assert_tensor_metadata
log_sigmoid log_sigmoid_forward trace native_norm linalg_cross dist range pin_memory isin
binomial normal_functional rrelu_with_noise_functional segment_reduce masked_scale
slice_scatter select_scatter diagonal_scatter as_strided_scatter hardswish floor_divide
batch_norm_elemt batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_stats
batch_norm_gather_stats_with_counts nonzero_static resize_as block_diag copy_from
unique_consecutive unique_dim_consecutive standard_gamma_grad dirichlet_grad
fake_quantize_per_channel_affine_cachemask fake_quantize_per_tensor_affine_cachemask
fake_quantize_per_tensor_affine_cachemask_tensor_qparams
to_sparse to_sparse_csr to_dense sparse_coo_tensor_with_dims_and_tensors
"""
_FREE = frozenset(_NAMES.split())

_OURS = ("aten", "prim", "prims")  # namespaces whose operations are judged by the rules here
_QUIET = ("profiler",)  # marks in a trace


class WorkCounter(TorchDispatchMode):
    """Adds up the FLOPs of all operations that run under it; raises for those it cannot judge."""

    supports_higher_order_operators = True

    def __init__(self):
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        formula = _formula(func)
        if formula is None and not _free(func):
            decomposed = self._decompose(func, args, kwargs)
            if decomposed is NotImplemented:
                raise NotImplementedError(_unknown(func))
            return decomposed
        out = func(*args, **kwargs)
        if formula is not None:
            tensors = [arg for arg in args if isinstance(arg, torch.Tensor)]
            _check_dense(func, tensors)
            parts = 4 if any(tensor.is_complex() for tensor in tensors) else 1  # real products
            self.flops += parts * int(formula(args, kwargs, out))
        return out

    def _decompose(self, func, args, kwargs):
        """Run a composite operation as its parts; NotImplemented where it has none."""
        if not hasattr(func, "decompose"):
            return NotImplemented
        with self:
            return func.decompose(*args, **kwargs)


def _formula(func):
    """Return arguments, keywords and result -> FLOPs; None where no formula is known."""
    packet = getattr(func, "_overloadpacket", func)
    if getattr(func, "namespace", "") == "aten":
        product = _PRODUCTS.get(packet.__name__) or _PRODUCTS.get(packet.__name__.rstrip("_"))
        if product is not None:
            return lambda args, _kwargs, out: product(args, out)
    registered = flop_counter.flop_registry.get(packet)  # torch's own, and those of the user
    if registered is None or isinstance(func, torch._ops.HigherOrderOperator):
        return None
    return lambda args, kwargs, out: registered(*args, **kwargs, out_val=out)


def _free(func) -> bool:
    namespace = getattr(func, "namespace", "")
    if namespace in _QUIET:
        return True
    if namespace not in _OURS or not isinstance(func, torch._ops.OpOverload):
        return False
    if not _has_tensor(func._schema.returns):  # a question about a tensor, or a check
        return True
    return _free_name(func._overloadpacket.__name__)


@cache
def _free_name(name: str) -> bool:
    """Whether an operation of aten, or the one that it is a form of, is free by convention."""
    bare = name.strip("_")  # "add_" works in place, "_softmax" is the inside of softmax
    forms = (name, bare, bare.replace("_backward", ""), bare.removesuffix("_copy"))
    forms += (bare.removeprefix("foreach_"),)
    return any(form in _FREE or _entry_wise(form) for form in forms)


def _entry_wise(name: str) -> bool:
    """Whether torch marks any overload of an operation as entry-wise or as a view."""
    packet = getattr(torch.ops.aten, name, None)
    for overload in packet.overloads() if packet is not None else ():
        func = getattr(packet, overload)
        returned = [result.alias_info for result in func._schema.returns]
        is_view = any(alias is not None and not alias.is_write for alias in returned)
        if is_view or torch.Tag.pointwise in func.tags or torch.Tag.inplace_view in func.tags:
            return True
    return False


def _has_tensor(returned) -> bool:
    return any("Tensor" in str(r.type) for r in returned)


def _check_dense(func, tensors) -> None:
    for tensor in tensors:
        if tensor.layout != torch.strided or tensor.is_nested:
            layout = "nested" if tensor.is_nested else tensor.layout
            raise NotImplementedError(
                f"count_flops knows {func} for dense tensors only, got one of layout {layout}"
            )


def _unknown(func) -> str:
    return (
        f"count_flops cannot count {func}: it has no formula for it, and does not know it as an "
        "operation without matrix products. Give it one with "
        "torch.utils.flop_counter.register_flop_formula; a formula may return 0"
    )
