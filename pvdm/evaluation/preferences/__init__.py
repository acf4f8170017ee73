"""What people prefer: blind pairs of videos, who sees which of them, votes, and ratings with intervals."""
