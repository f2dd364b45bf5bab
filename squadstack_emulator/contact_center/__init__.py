"""The contact center: login, campaigns, leads, activities and queues of a portal (page Campaigns)."""
