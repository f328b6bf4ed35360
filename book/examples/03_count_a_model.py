# Count the parameters of a transformer
from scaling_utils.counting import parameter_bytes, parameters, rule_flops_per_token
from scaling_utils.shapes import Transformer

shape = Transformer(n_layer=12, d_model=768, n_head=12, vocab=50257, context=1024)
size = parameters(shape)
print(f"{size.total:,} parameters, of which {size.embedding:,} in the embedding")
print(f"{rule_flops_per_token(size.total):.3g} FLOPs per token by the rule 6 N")
print(f"{parameter_bytes(size.total, 'bf16') / 1e9:.2f} GB of weights in bf16")
