"""What of a file is read: which page, series or time point; where its channels are; which values are no data."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rustem.arguments import ChannelAxis, check_integer
from rustem.exceptions import ImageError, InvalidInputError

Page: TypeAlias = int | Iterable[int] | Literal["all"] | None


@dataclass(frozen=True)
class Choice:
    """What of a file is read; numbers count from 1.

    Parameters
    ----------
    page : int, tuple of int, "all" or None
        One page as a picture, several as the planes of a volume; None for what the file says is its picture.
    series : int or None
        The series of a TIFF file.
    time : int or None
        The time point of a TIFF series.
    channel_axis : int, None or "auto"
        Where the channels of arrays are, and of TIFF stacks that do not say.
    nodata : tuple of float
        Values of pixels without data, beside what the file says.
    """

    page: int | tuple[int, ...] | Literal["all"] | None = None
    series: int | None = None
    time: int | None = None
    channel_axis: ChannelAxis = "auto"
    nodata: tuple[float, ...] = ()

    @classmethod
    def checked(cls, page: Any, series: Any, time: Any, channel_axis: Any, nodata: Any) -> Choice:
        """The choice that a caller's arguments make."""
        for name, value in (("series", series), ("time", time)):
            if value is not None:
                check_integer(name, value)
        if page is not None and (series is not None or time is not None):
            raise InvalidInputError("page goes without series and time: pages count through the whole file")
        if not (page is None or page == "all" or isinstance(page, numbers.Integral)):
            if isinstance(page, str) or not isinstance(page, Iterable):
                raise InvalidInputError(f"page is {page!r}: give a whole number of at least 1, several, or 'all'")
            page = tuple(page)
            if not page:
                raise InvalidInputError("page holds no numbers: give at least one")
        for number in () if page is None or page == "all" else page if isinstance(page, tuple) else (page,):
            check_integer("page", number)
        if channel_axis not in (None, "auto") and (
            isinstance(channel_axis, bool) or not isinstance(channel_axis, numbers.Integral)
        ):
            raise InvalidInputError(f"channel_axis is {channel_axis!r}: give the number of an axis, None or 'auto'")
        values = () if nodata is None else (nodata,) if isinstance(nodata, numbers.Real) else nodata
        try:
            return cls(page, series, time, channel_axis, tuple(float(value) for value in values))
        except (TypeError, ValueError):
            raise InvalidInputError(f"nodata is {nodata!r}: give a number, NaN, or several of them") from None

    @property
    def names_a_part(self) -> bool:
        """Whether a page, series or time point is asked for."""
        return (self.page, self.series, self.time) != (None, None, None)

    def page_numbers(self, n_pages: int, name: str) -> list[int]:
        """The pages asked for, counted from 0."""
        assert self.page is not None
        if self.page == "all":
            return list(range(n_pages))
        numbers_ = self.page if isinstance(self.page, tuple) else (self.page,)
        for number in numbers_:
            check_part("page", number, n_pages, name)
        return [number - 1 for number in numbers_]


EVERYTHING = Choice()


def check_part(what: str, number: int, count: int, name: str) -> None:
    """Refuse the number of a part that a file does not have."""
    if number > count:
        plural = {"series": "series", "time": "time points"}.get(what, f"{what}s")
        one = {"time": "time point"}.get(what, what)
        has = f"one {one}" if count == 1 else f"{count} {plural}"
        raise ImageError(f"{name} has {has}: {what}={number} is none of them")
