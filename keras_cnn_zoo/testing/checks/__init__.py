"""The guarantees, a file for each: functions of a `Case` that raise `ContractError`."""
