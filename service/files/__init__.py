"""Reading what a user wrote: `matchspec.yml`, harness files, datasets. Mistakes come with file, line and field."""
