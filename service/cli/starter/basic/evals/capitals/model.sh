# Stands in for a model: a question on stdin, an answer on stdout.
case $(cat) in
    *France*) echo Paris ;;
    *Peru*) echo Lima ;;
    *Japan*) echo Tokyo ;;
    *Kenya*) echo Nairobi ;;
    *Norway*) echo oslo ;;
    *) echo "I don't know" ;;
esac
