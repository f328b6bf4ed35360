"""What the tools say beside an answer: a code for programs and a sentence for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remark:
    """One remark: ``code`` in kebab-case, ``sentence`` saying what would help."""

    code: str
    sentence: str

    def __str__(self) -> str:
        return f"[{self.code}] {self.sentence}"
