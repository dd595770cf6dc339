"""The words of the product: values and rules, no I/O."""
