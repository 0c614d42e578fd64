"""Pictures and sound no viewer takes made into some it does, in processes of their own."""
