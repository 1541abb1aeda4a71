"""One HTML file that tells a reviewer all that is known of a model: page.render().

Nothing in it is fetched from anywhere, the same inputs give the same bytes, and without JavaScript
only zooming is gone.
"""
