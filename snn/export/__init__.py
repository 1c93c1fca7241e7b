"""Networks for other programs: graphs in NIR, and one step as a program of ``torch.export``.

``nir`` is imported when it is used: ``pip install 'snn[export]'``.
"""
