"""A business that never was: files as real systems export them, of any size, with truths that can be found again.

:func:`keepwell.demo.business.generate` writes it. The modules follow a purchase from the season through people, shop,
service and surveys; each draws its numbers from a stream of its own and gives canonical tables.
"""
