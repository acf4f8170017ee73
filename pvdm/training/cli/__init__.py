"""`pvdm fit`, `validate`, `test` and `predict` by LightningCLI."""
