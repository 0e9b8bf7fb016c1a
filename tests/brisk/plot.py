"""A picture, the smallest that shows something: a black pixel and a white one."""

import base64
from pathlib import Path

labels = {"run_0": "Baseline"}

PIXELS = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGNg+A8AAQIBAEK+vGgAAAAASUVORK5CYII="
)
Path("pixels.png").write_bytes(base64.b64decode(PIXELS))
