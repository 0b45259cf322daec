"""What a patient may ask for: everything that is kept about them, and that it be forgotten."""
