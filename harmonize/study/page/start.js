// The key of the link goes along with the form; it is not shown.
document.getElementById("begin").action = `/raters${location.search}`;
