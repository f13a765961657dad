"""What an evaluation run is: values and pure functions. No I/O, no clock, no asyncio."""
