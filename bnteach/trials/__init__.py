"""What one lesson tries: a room for each, and no imports between the rooms.

clinic.py  the exercises of lesson 05: networks that are broken
claims/    lessons 07, 07b and the labs of training and landscape: what is said about BN, measured
norms/     lesson 08: small batches, pictures that are generated, sequences
slimming/  lesson 09 and the lab of pruning: L1 on γ, channels cut out
devices.py lesson 10: processes that send each other numbers
detector/  lesson 11: YOLO, as published and small enough to train
elsewhere.py lesson 12: what Keras gives
speed/     lessons 13, 13b: BN in several ways; their time, memory and digits
"""
