"""Learning facial action units from incomplete labels.

A course and a reproduction of Pahl, Rieger and Seuss, "Multi-label Learning with Missing Values using Combined
Facial Action Unit Datasets" (2020). Importing this package imports no deep-learning backend.
"""

__version__ = "0.1.0"
