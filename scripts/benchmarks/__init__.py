"""What matchspec takes, measured beside bare loops and beside other programs."""
