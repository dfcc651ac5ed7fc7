"""Reports: one document, written as PDF, PowerPoint and Excel."""
