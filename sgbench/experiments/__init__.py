"""The paper's experiments: which systems each table and figure needs, and the studies that train and show them."""
