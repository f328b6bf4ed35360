"""Energy and emissions: from device-hours to kWh to kg of CO2 equivalents, each step by its name.

Units: hours of one device, watts, kWh, grams of CO2e per kWh, kilograms of CO2e. All functions take
arrays and broadcast them, so that a range of plans is one call. Tables with a year and a source
stand behind every factor; nothing is guessed, and no package that measures power is imported.

>>> from scaling_utils import carbon
>>> kwh = carbon.energy(270_000, 400, 1.1)  # hours, watts, PUE
>>> f"{kwh:,.0f} kWh, {carbon.emissions(kwh, 381) / 1000:.1f} t"
'118,800 kWh, 45.3 t'
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "cases": ("PUBLISHED", "Case", "published"),
        "consumption": ("device_hours", "energy", "facility", "PUE_RANGE"),
        "embodiment": ("Footprint", "embodied", "footprint", "footprints"),
        "facilities": ("Pue", "pue", "pues"),
        "grids": ("Intensity", "emissions", "grid", "grids_of", "places"),
        "power": ("Power", "measured", "rated", "utilised"),
        "slips": ("slip",),
    },
)
