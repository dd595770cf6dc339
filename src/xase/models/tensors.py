"""Columns as tensors."""

from typing import TYPE_CHECKING, Any

from xase.models.tables import need

if TYPE_CHECKING:
    import pyarrow as pa


def tensors(table: "pa.Table") -> dict[str, Any]:
    """Each column of numbers or truth values as a tensor, every other as a list; members of structs by path."""
    torch, types = need("torch"), need("pyarrow.types")
    while any(types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return {
        name: torch.tensor(_numbers(column)) if _is_number(types, column.type) else column.to_pylist()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _is_number(types: Any, of: Any) -> bool:
    return bool(types.is_integer(of) or types.is_floating(of) or types.is_boolean(of) or types.is_decimal(of))


def _numbers(column: Any) -> Any:
    """The values as a numpy array; nulls have a place in floating numbers only."""
    exact = column.null_count == 0 and not need("pyarrow.types").is_decimal(column.type)
    return (column if exact else column.cast("float64")).to_numpy()
