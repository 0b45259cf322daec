"""The pages: what people see. They call services and hold no SQL."""
