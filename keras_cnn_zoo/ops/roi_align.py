"""RoIAlign: features of boxes, sampled bilinearly on a grid of fixed size from one or more maps.

Small maps: boxes (batch, n, 4) -> weights of rows (batch, n, rows, height) and columns (batch, n, columns,
width) -> rows x map x columns, two matrix products -> (batch, n, rows, columns, channels).

Large maps: boxes -> two neighboring rows and two columns per sample, with weights -> gather the four corners
from all maps, flattened to (batch, pixels, channels) -> weighted sum -> mean over the samples of a cell.
"""

from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.ops.extremes import at_least_zero

# Total pixels of all maps up to which matrix products are faster than gathering on a CPU. The work of the
# products grows with the maps; that of gathering does not.
DENSE_LIMIT = 8192


def roi_align(maps, boxes, scales, *, output_size, sampling_ratio=2, aligned=True, levels=None, dense=None):
    """Returns the features of each box: each cell is the mean of `sampling_ratio` squared samples.

    The weights of a sample are separable, and so is their mean over a cell. Small maps therefore take two
    matrix products. On large maps the four neighbors of each sample are gathered from one flat tensor of all
    maps, so several levels cost as much as one.

    Args:
        maps: list of tensors (batch, height, width, channels).
        boxes: tensor (batch, n, 4), "xyxy" in pixels of the image.
        scales: size of each map divided by the image's, a list of floats.
        output_size: (height, width) of the grid.
        sampling_ratio: samples along each side of a cell.
        aligned: whether pixel centers are at half integers; False is the first version's half-pixel shift, in
            which boxes are at least one pixel of the map wide.
        levels: integer tensor (batch, n), the map of each box; None for a single map.
        dense: whether to use matrix products; None decides by the size of the maps.

    Returns:
        A tensor (batch, n, *output_size, channels) in the maps' dtype.
    """
    spaces = [tuple(ops.shape(each)[1:3]) for each in maps]
    if dense is None:
        known = all(isinstance(length, int) for space in spaces for length in space)
        dense = known and sum(height * width for height, width in spaces) <= DENSE_LIMIT
    method = _multiplied if dense else _gathered
    return method(maps, spaces, boxes, scales, output_size, sampling_ratio, aligned, levels)


def _multiplied(maps, spaces, boxes, scales, output_size, sampling_ratio, aligned, levels):
    total = 0.0
    for place, (features, (height, width), scale) in enumerate(zip(maps, spaces, scales, strict=True)):
        corners = _corners(boxes, _as(scale, boxes.dtype), aligned)
        rows = _weights(corners[1], corners[3], height, output_size[0], sampling_ratio)
        columns = _weights(corners[0], corners[2], width, output_size[1], sampling_ratio)
        if levels is not None:
            own = ops.cast(levels == place, rows.dtype)
            rows = rows * _spread(own, 2)
        rows, columns = ops.cast(rows, features.dtype), ops.cast(columns, features.dtype)
        # Repeat the columns' weights for each row, so no large tensor has to be transposed.
        columns = ops.repeat(ops.expand_dims(columns, 2), output_size[0], axis=2)
        part = ops.einsum("bnph,bhwc->bnpwc", rows, features)
        total = total + ops.einsum("bnpqw,bnpwc->bnpqc", columns, part)
    return total


def _gathered(maps, spaces, boxes, scales, output_size, sampling_ratio, aligned, levels):
    channels = maps[0].shape[-1]
    heights, widths = zip(*spaces, strict=True)
    areas = [height * width for height, width in spaces]
    starts = [sum(areas[:place]) for place in range(len(areas))]

    def of_box(values, kind):
        """Returns each box's value from one value per map, as a tensor that broadcasts over (batch, n)."""
        if levels is None:
            return _as(values[0], kind)
        chosen = _as(values[-1], kind)
        for place in range(len(values) - 2, -1, -1):
            chosen = ops.where(levels <= place, _as(values[place], kind), chosen)
        return chosen

    left, top, right, bottom = _corners(boxes, of_box(scales, boxes.dtype), aligned)
    rows = _neighbors(top, bottom, of_box(heights, "int32"), output_size[0], sampling_ratio)
    columns = _neighbors(left, right, of_box(widths, "int32"), output_size[1], sampling_ratio)
    flat = [ops.reshape(each, [-1, area, channels]) for each, area in zip(maps, areas, strict=True)]
    flat = flat[0] if len(flat) == 1 else ops.concatenate(flat, axis=1)
    start, stride = of_box(starts, "int32"), of_box(widths, "int32")
    total = 0.0
    for row, row_weight in rows:
        for column, column_weight in columns:
            index = _spread(start, 2) + ops.expand_dims(row * _spread(stride, 1), -1)
            index = index + ops.expand_dims(column, -2)
            weight = ops.expand_dims(row_weight, -1) * ops.expand_dims(column_weight, -2)
            weight = ops.expand_dims(ops.cast(weight, flat.dtype), -1)
            total = total + box_ops.take_rows(flat, index) * weight
    if sampling_ratio == 1:
        return total
    count = boxes.shape[1] if boxes.shape[1] is not None else ops.shape(boxes)[1]
    cells = [-1, count, output_size[0], sampling_ratio, output_size[1], sampling_ratio, channels]
    # Not `mean`, which returns float32 for float64 on PyTorch and JAX.
    return ops.sum(ops.reshape(total, cells), axis=(3, 5)) / sampling_ratio**2


def _corners(boxes, scale, aligned):
    """Returns left, top, right, and bottom on the map, with pixel centers at integers."""
    left, top, right, bottom = (part * scale for part in box_ops.split(boxes))
    if aligned:
        return left - 0.5, top - 0.5, right - 0.5, bottom - 0.5
    width, height = right - left, bottom - top
    width, height = (box_ops.at_least(size, ops.ones_like(size)) for size in (width, height))
    return left, top, left + width, top + height


def _positions(start, end, last, cells, sampling_ratio):
    """Returns each sample's position along one axis, (batch, n, samples), and whether it is visible (0 or 1).

    A sample up to one pixel outside the map has the border's value. A sample farther out is 0. One at NaN is
    visible, and its weight is NaN.
    """
    count = cells * sampling_ratio
    steps = (ops.arange(count, dtype=start.dtype) + 0.5) / count
    position = ops.expand_dims(start, -1) + ops.expand_dims(end - start, -1) * steps
    outside = ops.logical_or(position < -1.0, position > last + 1)
    position = box_ops.at_most(ops.relu(position), last + ops.zeros_like(position))
    return position, ops.cast(ops.logical_not(outside), position.dtype)


def _weights(start, end, size, cells, sampling_ratio):
    """Returns the weight of each of `size` pixels in each cell along one axis, (batch, n, cells, size)."""
    position, visible = _positions(start, end, size - 1, cells, sampling_ratio)
    pixels = ops.arange(size, dtype=position.dtype)
    weights = ops.relu(1.0 - ops.abs(ops.expand_dims(position, -1) - pixels))
    weights = weights * ops.expand_dims(visible, -1)
    count = start.shape[1] if start.shape[1] is not None else ops.shape(start)[1]
    weights = ops.reshape(weights, [-1, count, cells, sampling_ratio, size])
    return ops.sum(weights, axis=3) / sampling_ratio


def _neighbors(start, end, size, cells, sampling_ratio):
    """Returns two (index, weight) pairs, each sample's neighbors along one axis, all (batch, n, samples)."""
    size = _spread(size, 1)
    last = ops.cast(size, start.dtype) - 1
    position, visible = _positions(start, end, last, cells, sampling_ratio)
    low = at_least_zero(ops.cast(position, "int32"))  # NaN becomes any integer.
    high = ops.where(low + 1 < size, low + 1, low)
    fraction = position - ops.cast(low, position.dtype)
    return (low, (1 - fraction) * visible), (high, fraction * visible)


def _spread(values, axes):
    """Returns `values` with `axes` more axes at the end; scalars are returned unchanged."""
    for _ in range(axes if len(values.shape) else 0):
        values = ops.expand_dims(values, -1)
    return values


def _as(value, dtype):
    """Converts a number or tensor to that dtype; a Python number does not pass through float32."""
    return ops.convert_to_tensor(value, dtype) if isinstance(value, (int, float)) else ops.cast(value, dtype)
