"""What every HTTP door has alike: errors as problem+json, health, metrics, credentials, a clean end."""
