"""The whole bot as a process: killed, filled up, misconfigured, and searched for leaks."""
