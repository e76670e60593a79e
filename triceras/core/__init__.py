"""The ground floor: backends and scopes, specs, dtypes, variables, seeds, trees, names and configuration."""
