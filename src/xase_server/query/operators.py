"""The names of the language, each with a line of meaning. The reference page is held equal to these tables.

What is refused on purpose has its reason here; a name in no table is refused as unknown.
"""

from collections.abc import Mapping
from typing import Final

FILTERS: Final = (
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$and", "$or", "$nor", "$not",
    "$exists", "$regex", "$options", "$elemMatch", "$all", "$size", "$type", "$mod", "$expr", "$comment",
)  # fmt: skip
STAGES: Final = (
    "$match", "$group", "$sort", "$limit", "$skip", "$project", "$addFields", "$set", "$unset", "$unwind",
    "$count", "$sortByCount", "$bucket", "$facet", "$replaceRoot", "$replaceWith", "$sample",
)  # fmt: skip
ACCUMULATORS: Final = (
    "$sum", "$avg", "$min", "$max", "$count", "$push", "$addToSet", "$first", "$last", "$stdDevPop", "$stdDevSamp",
)  # fmt: skip
EXPRESSIONS: Final = (
    "$add", "$subtract", "$multiply", "$divide", "$mod", "$abs", "$ceil", "$floor", "$round", "$trunc", "$sqrt",
    "$pow", "$exp", "$ln", "$log10", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$cmp", "$and", "$or", "$not",
    "$cond", "$ifNull", "$switch", "$literal", "$concat", "$toLower", "$toUpper", "$substrCP", "$split",
    "$strLenCP", "$strcasecmp", "$indexOfCP", "$trim", "$ltrim", "$rtrim", "$size", "$arrayElemAt", "$slice",
    "$filter", "$map", "$reduce", "$in", "$concatArrays", "$isArray", "$first", "$last", "$reverseArray", "$range",
    "$setUnion", "$setIntersection", "$setDifference", "$setEquals", "$setIsSubset", "$anyElementTrue",
    "$allElementsTrue", "$objectToArray", "$mergeObjects", "$sum", "$avg", "$min", "$max", "$year", "$month",
    "$dayOfMonth", "$dayOfYear", "$dayOfWeek", "$week", "$isoDayOfWeek", "$isoWeek", "$isoWeekYear", "$hour",
    "$minute", "$second", "$millisecond", "$dateToString", "$toString", "$toInt", "$toLong", "$toDouble", "$toBool",
    "$isNumber", "$let",
)  # fmt: skip

_CODE: Final = "runs code of the caller on the server, which Xase never does"
_OTHER_DATA: Final = "reads other data than this session was granted"
_WRITES: Final = "writes data, and sessions only read"
_SYSTEM: Final = "shows the inside of a database server"
_PLACES: Final = "needs geographic indexes, which datasets do not have"
_TEXT: Final = "needs a text index, which datasets do not have; use $regex"

REFUSED: Final[Mapping[str, str]] = {
    "$where": _CODE,
    "$function": _CODE,
    "$accumulator": _CODE,
    "$geoWithin": _PLACES,
    "$geoIntersects": _PLACES,
    "$near": _PLACES,
    "$nearSphere": _PLACES,
    "$geoNear": _PLACES,
    "$text": _TEXT,
    "$search": _TEXT,
    "$searchMeta": _TEXT,
    "$jsonSchema": "tests the shape of documents; a dataset has one declared type for each path",
    "$lookup": _OTHER_DATA,
    "$graphLookup": _OTHER_DATA,
    "$unionWith": _OTHER_DATA,
    "$documents": _OTHER_DATA,
    "$out": _WRITES,
    "$merge": _WRITES,
    "$collStats": _SYSTEM,
    "$indexStats": _SYSTEM,
    "$planCacheStats": _SYSTEM,
    "$currentOp": _SYSTEM,
    "$listSessions": _SYSTEM,
    "$listLocalSessions": _SYSTEM,
    "$changeStream": _SYSTEM,
}


def why_not(name: str, what: str) -> str:
    """What to tell a caller who used a name that is not in the table; `what` is `operator` or `stage`."""
    reason = REFUSED.get(name)
    return f"{name} {reason}" if reason else f"Unknown {what}"
