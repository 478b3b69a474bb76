"""How much past tasks help: the prior against its competitors on real search histories."""
