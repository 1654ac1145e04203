"""The parts of a file of plain PyTorch, put together as formatters would have it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from archsearch.exports.plain.layout import Expression, lines
from archsearch.exports.plain.sources import Import

_METHODS = '''
    def features(self, x: Tensor) -> list[Tensor]:
        """Give the map of every stage, for dense tasks."""
        maps = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Give the logits (B, classes) of images (B, channels, H, W)."""
        logits: Tensor = self.head(self.features(x)[-1])
        return logits'''

_LOAD = '''
def load(weights: str) -> Net:
    """Build the net with the weights of a safetensors file, in evaluation mode."""
    from safetensors.torch import load_file

    net = Net()
    net.load_state_dict(load_file(weights))
    return net.eval()'''

_BLOCKS = ("def ", "class ", "@")


def page(
    said: Sequence[str],
    imports: Iterable[Import],
    definitions: Sequence[str],
    title: str,
    statements: Iterable[Expression],
) -> str:
    """Put a file together.

    Args:
        said: lines of its docstring.
        imports: what it imports.
        definitions: in an order in which they can stand.
        title: docstring of the net.
        statements: of the net's constructor.
    """
    end = '\n"""' if len(said) > 1 else '"""'
    text = '"""' + "\n".join(said) + end + "\n\nfrom __future__ import annotations"
    text += f"\n\n{_imports(imports)}"
    before = ""
    for definition in [*definitions, _net(title, statements), _LOAD.strip()]:
        apart = definition.startswith(_BLOCKS) or before.startswith(_BLOCKS)
        text += ("\n\n\n" if apart else "\n" if before else "\n\n") + definition
        before = definition
    return text + "\n"


def _net(title: str, statements: Iterable[Expression]) -> str:
    head = [
        "class Net(nn.Module):",
        f'    """{title}"""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
    ]
    body = [line for statement in statements for line in lines(statement, 2)]
    return "\n".join([*head, *body]) + "\n" + _METHODS


def _imports(imports: Iterable[Import]) -> str:
    """The standard library's first, whole modules before names out of them."""
    groups: dict[bool, list[Import]] = {False: [], True: []}
    for one in imports:
        groups[one.module.partition(".")[0] not in sys.stdlib_module_names].append(one)
    return "\n\n".join("\n".join(_statements(group)) for group in groups.values() if group)


def _statements(imports: Sequence[Import]) -> Iterator[str]:
    """One statement a module."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    whole = []
    for name, module, target in imports:
        if target is None:
            whole.append(f"import {module}" + (f" as {name}" if name != module else ""))
        else:
            names[module].append(target if name == target else f"{target} as {name}")
    yield from sorted(whole)
    for module in sorted(names):
        yield f"from {module} import {', '.join(sorted(names[module], key=_rank))}"


def _rank(name: str) -> tuple[int, str]:
    """Constants, classes, functions: the order that import sorters have."""
    plain = name.partition(" ")[0]
    return (0 if plain.isupper() and len(plain) > 1 else 1 if plain[0].isupper() else 2, plain)
