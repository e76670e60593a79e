"""Element-wise mathematics."""

import numpy as np

add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.divide
exp = np.exp
