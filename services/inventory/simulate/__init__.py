"""The role `simulate`: what this service's commands come to in a played chain; bridge.py for a simulator outside, playing.py for our own.

protocol.py reads what a simulator says, facts.py turns it into the events of a chain, counter.py holds what was ordered against what
came, lane.py carries events to the service's handlers and its commands away, world.py joins them around a database of their own.
"""
