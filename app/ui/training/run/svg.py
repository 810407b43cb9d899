"""A chart as an SVG file, for a document or a slide."""

from html import escape

from app.ui.training.run.picture import DASH, HEIGHT, WIDTH, Box, Dot, Shape, Stroke, picture_of
from app.ui.training.run.plots import Plot


def svg_of(plot: Plot, title: str) -> str:
    """Black on white, with axes and a legend."""
    parts = "\n".join(_element(shape) for shape in picture_of(plot, title))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(plot.description)}</desc>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{parts}\n</svg>\n'
    )


def _element(shape: Shape) -> str:
    if isinstance(shape, Stroke):
        stroke = f'stroke="{shape.color}" stroke-width="{shape.width}"'
        if shape.is_dashed:
            stroke += f' stroke-dasharray="{DASH[0]} {DASH[1]}"'
        points = [(f"{x:.1f}", f"{y:.1f}") for x, y in shape.points]
        if len(points) == 2:
            (x1, y1), (x2, y2) = points
            return f'<line x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}" {stroke}/>'
        return f'<polyline points="{" ".join(f"{x},{y}" for x, y in points)}" fill="none" {stroke}/>'
    if isinstance(shape, Dot):
        x, y = shape.at
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{shape.radius}" fill="{shape.color}"/>'
    if isinstance(shape, Box):
        (left, top), (right, bottom) = shape.upper_left, shape.lower_right
        return (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'fill="{shape.color}" opacity="{shape.opacity}"><title>{escape(shape.name)}</title></rect>'
        )
    (x, y), text = shape.at, escape(shape.text)
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{shape.size}" text-anchor="{shape.anchor}"'
    return f"<text {place}>{text}</text>"
