"""What is handed to others: trained models as programs, and training images with their sparse labels."""
