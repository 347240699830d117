"""The side of the sensor runtime that packs and their tests may import."""
